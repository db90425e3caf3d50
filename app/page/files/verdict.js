// Does money flow? One sentence from an overview, the worst thing first. Pure.

import {millis, number, rate, unknown} from './format.js';

const oldWait = 5000; // of an undecided request, in milliseconds: beyond it somebody should look

// The main picture: what all ledger nodes that answer do together; of this node alone while none has answered.
// {flow, entries, consumers, here, nodes, answered}: `answered` of `nodes` are in it.
export function picture({together, flow, entries, consumers}) {
  if (!(together?.answered > 0)) {
    return {flow, entries, consumers, here: true, nodes: together?.nodes ?? null, answered: 0};
  }
  const joint = together.flow;
  return {
    flow: {...joint, published: flow.published, series: {...joint.series, published: flow.series?.published}}, entries: together.entries,
    consumers: together.consumers, here: false, nodes: together.nodes,
    answered: joint.applied === null ? together.answered : Math.min(together.answered, joint.nodes),
  };
}

const isWhole = ({here, nodes, answered}) => here || answered === nodes;

// Of whom the picture is.
export function pictureOf(shown) {
  if (shown.here) {
    return shown.nodes === null ? 'of this node alone: the cluster has not answered' : 'of this node';
  }
  return isWhole(shown) ? `of ${number(shown.nodes, 'node')}` : `of those that answer: ${shown.answered} of ${number(shown.nodes, 'node')}`;
}

// What the whole cluster decides a second, as far as that is known.
export function decidedRate(overview) {
  const nodes = overview.cluster?.nodes ?? [];
  const {applied, refused, duplicate, parked} = picture(overview).flow;
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

// The names of the consumers of which nobody in the picture knows what waits; null when none answers.
function unknownConsumers({consumers}) {
  return consumers?.filter((each) => each.oldestUndecidedMs === null).map((each) => each.name) ?? null;
}

// At least as old is the oldest request.
const oldestKnown = (consumers) => Math.max(0, ...(consumers ?? []).map((each) => each.oldestUndecidedMs ?? 0));

export function oldestText(shown) {
  const {consumers} = shown;
  const known = oldestKnown(consumers);
  if (!(consumers?.length > 0) || unknownConsumers(shown).length > 0 || !isWhole(shown)) {
    return known > 0 ? `at least ${millis(known)}` : unknown;
  }
  return known > 0 ? millis(known) : 'none';
}

const asideText = ({accounts}) => `${number(accounts, 'account')} set aside: locked, refused or slow`;

// Whether something waits for an account that is set aside. One that is well again stays aside for a little.
export const asideWaits = (aside) => aside?.accounts > 0 && aside.waiting !== 0;

function slowness(overview) {
  const {flow, consumers} = picture(overview);
  const oldest = oldestKnown(consumers);
  if (oldest > oldWait) {
    return {
      key: 'behind', level: 'watch',
      text: `${decidedRate(overview) === 0 ? 'Nothing is decided' : 'Money flows, and falls behind'}: a request has been waiting for ${millis(oldest)}.`,
      why: asideWaits(overview.aside) ? asideText(overview.aside) : '',
    };
  }
  if (overview.cluster?.silent > 0) {
    const names = overview.cluster.nodes.filter((node) => node.silent).map((node) => node.name);
    return {key: `silent ${names}`, level: 'watch', text: 'Money flows, and a node is silent.', why: names.join(', ')};
  }
  if (asideWaits(overview.aside)) {
    return {key: 'aside', level: 'watch', text: 'Money flows, but not for every account.',
      why: asideText(overview.aside)};
  }
  if (flow.parked > 0) {
    return {key: 'parking', level: 'watch', text: `Money flows; ${rate(flow.parked)} messages a second are parked as dead letters.`, why: ''};
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
  const shown = picture(overview);
  const unknowns = unknownConsumers(shown);
  const who = shown.here ? 'this node does not know' : 'nobody knows';
  const why = joined([!isWhole(shown) && `${shown.answered} of ${number(shown.nodes, 'node')} say what they do`,
    unknowns?.length > 0 && `${who} what waits at ${unknowns.join(', ')}`]);
  if (decided > 0) {
    return {key: 'flows', level: 'good', text: `Money flows: ${rate(decided)} requests a second are decided.`, why};
  }
  // A consumer that hands nothing out looks like an empty one; the next request tells.
  return unknowns === null || why
    ? {key: 'quiet', level: 'unknown', text: `Nothing is decided at present, and ${who} whether something waits.`, why}
    : {key: 'rest', level: 'good', text: 'At rest: nothing waits to be decided.', why: ''};
}
