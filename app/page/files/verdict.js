// Does money flow? One sentence from an overview, the worst thing first. Pure.

import {count, millis, rate} from './format.js';

const oldWait = 5000; // of an undecided request, in milliseconds: beyond it somebody should look

// What the whole cluster decides a second, as far as that is known; with one node its own outcomes.
export function decidedRate(overview) {
  const nodes = overview.cluster?.nodes ?? [];
  if (nodes.length > 1) {
    const known = nodes.map((node) => node.decidedPerSecond).filter((each) => each !== null && each !== undefined);
    return known.length > 0 ? known.reduce((sum, each) => sum + each, 0) : null;
  }
  const {applied, refused, duplicate, parked} = overview.flow;
  return applied === null ? null : applied + refused + duplicate + parked;
}

const joined = (lines) => lines.filter(Boolean).join('; ');

function trouble(overview) {
  const failed = (overview.checks ?? []).filter((check) => !check.ok);
  const why = joined(failed.map((check) => (check.detail ? `${check.name}: ${check.detail}` : check.name)));
  if (overview.node.doing === 'starting') {
    return {key: 'starting', level: 'watch', text: 'The node is starting.', why};
  }
  if (overview.node.doing === 'draining') {
    return {key: 'draining', level: 'watch', text: 'The node is draining: it finishes what it holds and takes nothing more.', why: ''};
  }
  if (overview.circuitOpen > 0) {
    return {key: 'circuit', level: 'bad', text: 'Money stands still: the database is away. Requests wait in the stream.', why};
  }
  if (failed.length > 0) {
    return {key: `unready ${failed.map(({name}) => name)}`, level: 'bad', text: 'The node is not ready.', why};
  }
  return null;
}

function slowness(overview) {
  const oldest = overview.oldestUndecidedMs;
  if (oldest !== null && oldest > oldWait) {
    return {
      key: 'behind', level: 'watch', text: `Money flows, and falls behind: a request has been waiting for ${millis(oldest)}.`,
      why: overview.aside?.accounts > 0 ? `${count(overview.aside.accounts)} accounts are set aside: locked, refused or slow` : '',
    };
  }
  if (overview.cluster?.silent > 0) {
    const names = overview.cluster.nodes.filter((node) => node.silent).map((node) => node.name);
    return {key: `silent ${names}`, level: 'watch', text: 'Money flows, and a node is silent.', why: names.join(', ')};
  }
  if (overview.aside?.accounts > 0) {
    return {key: 'aside', level: 'watch', text: 'Money flows, but not for every account.',
      why: `${count(overview.aside.accounts)} accounts are set aside: locked, refused or slow`};
  }
  if (overview.flow.parked > 0) {
    return {key: 'parking', level: 'watch', text: `Money flows; ${rate(overview.flow.parked)} messages a second are parked as dead letters.`, why: ''};
  }
  return null;
}

// {key, level, text, why}: `key` changes when somebody should be told.
export function verdict(overview) {
  const bad = trouble(overview) ?? slowness(overview);
  if (bad) {
    return bad;
  }
  const decided = decidedRate(overview);
  if (decided === null) {
    return {key: 'counting', level: 'unknown', text: 'The node answers; a second more, and its pace is known.', why: ''};
  }
  return decided > 0
    ? {key: 'flows', level: 'good', text: `Money flows: ${rate(decided)} requests a second are decided.`, why: ''}
    : {key: 'rest', level: 'good', text: 'At rest: nothing waits to be decided.', why: ''};
}
