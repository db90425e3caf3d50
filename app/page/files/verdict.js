// Does money flow? One sentence from an overview, the worst thing first. Pure.

import {millis, number, rate, unknown} from './format.js';

const oldWait = 5000; // of an undecided request, in milliseconds: beyond it somebody should look

// What the whole cluster decides a second, as far as that is known, and at least what this node does.
export function decidedRate(overview) {
  const nodes = overview.cluster?.nodes ?? [];
  const {applied, refused, duplicate, parked} = overview.flow;
  const here = applied === null ? null : applied + refused + duplicate + parked;
  if (nodes.length > 1) {
    const known = nodes.map((node) => node.decidedPerSecond).filter((each) => each !== null && each !== undefined);
    // The others' silence is no rest.
    return known.length > 0 ? Math.max(here ?? 0, known.reduce((sum, each) => sum + each, 0)) : here || null;
  }
  return here;
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

// The names of the consumers of which this node does not know what waits; null when it has none that answer.
function unknownConsumers({consumers}) {
  return consumers?.filter((each) => each.oldestUndecidedMs === null).map((each) => each.name) ?? null;
}

// At least as old is the oldest request.
const oldestKnown = (consumers) => Math.max(0, ...(consumers ?? []).map((each) => each.oldestUndecidedMs ?? 0));

export function oldestText(consumers) {
  const known = oldestKnown(consumers);
  if (!(consumers?.length > 0) || unknownConsumers({consumers}).length > 0) {
    return known > 0 ? `at least ${millis(known)}` : unknown;
  }
  return known > 0 ? millis(known) : 'none';
}

const asideText = ({accounts}) => `${number(accounts, 'account')} set aside: locked, refused or slow`;

function slowness(overview) {
  const oldest = oldestKnown(overview.consumers);
  if (oldest > oldWait) {
    return {
      key: 'behind', level: 'watch',
      text: `${decidedRate(overview) === 0 ? 'Nothing is decided' : 'Money flows, and falls behind'}: a request has been waiting for ${millis(oldest)}.`,
      why: overview.aside?.accounts > 0 ? asideText(overview.aside) : '',
    };
  }
  if (overview.cluster?.silent > 0) {
    const names = overview.cluster.nodes.filter((node) => node.silent).map((node) => node.name);
    return {key: `silent ${names}`, level: 'watch', text: 'Money flows, and a node is silent.', why: names.join(', ')};
  }
  if (overview.aside?.accounts > 0) {
    return {key: 'aside', level: 'watch', text: 'Money flows, but not for every account.',
      why: asideText(overview.aside)};
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
  const unknowns = unknownConsumers(overview);
  const why = unknowns?.length > 0 ? `This node does not know what waits at ${unknowns.join(', ')}` : '';
  if (decided > 0) {
    return {key: 'flows', level: 'good', text: `Money flows: ${rate(decided)} requests a second are decided.`, why};
  }
  // A consumer that hands nothing out looks like an empty one; the next request tells.
  return unknowns === null || why
    ? {key: 'quiet', level: 'unknown', text: 'Nothing is decided at present, and this node does not know whether something waits.', why}
    : {key: 'rest', level: 'good', text: 'At rest: nothing waits to be decided.', why: ''};
}
