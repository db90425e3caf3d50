// Plays one cell of the chaos and judges it. Usage:
//   node cell.mjs NAME BINARY --records N --seed N [--long] [--json FILE] [--failpoints BINARY]
//
// The last line of the output says how it ended; FILE gets the result. Exit code 0: all holds; 1: it does not; 77: this
// machine cannot play it, with the reason.

import {writeFileSync} from 'node:fs';
import {argv, exit} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';
import {parseArgs} from 'node:util';

import {slackOfShort, stopsMin} from '../slack.mjs';
import {until} from '../world.mjs';
import {cells} from './cells.mjs';
import {revision} from './results.mjs';
import {log, Stage} from './stage.mjs';
import {eventsIn} from './watch.mjs';

const tailShare = 0.1; // of the records, after the last round
const millisecondsForAThousand = 400; // of a round's records, at least
const longest = 300000; // milliseconds that a short cell may take

export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0 ? null : Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
}

// How long each record waited, from its place in the stream to its result; and from each end of a fault to the first
// result after it.
async function times(stage) {
  const storedAt = new Map((await stage.traffic.requests()).map(({seq, at}) => [seq, at]));
  const resultAt = new Map();
  const moments = [];
  for (const {messageId, at} of stage.facts.results) {
    moments.push(at);
    resultAt.set(messageId, Math.min(at, resultAt.get(messageId) ?? Infinity));
  }
  moments.sort((a, b) => a - b);
  const waits = [];
  const seen = new Set();
  for (const {request, seq, incarnation} of stage.messages) {
    if (request && !incarnation && !seen.has(request.id)) {
      seen.add(request.id);
      const wait = resultAt.get(`result-${request.id}`) - storedAt.get(seq);
      waits.push(...(Number.isFinite(wait) && wait >= 0 ? [wait] : []));
    }
  }
  const recoveries = stage.rounds.flat().map((ended) => {
    const first = moments.find((at) => at >= ended);
    return first === undefined ? null : Math.round(first - ended);
  });
  return {waits, recoveries};
}

// It is ready, but in a cell in which dead letters cannot be stored for one of them: such a letter comes again after half a
// minute, which any fault of the broker may bring about and all the others have to wait for.
async function worksAgain(stage, node, round) {
  let body;
  await until(`${node.name} is ready`, 60, async () => {
    await sleep(50);
    const answer = await node.daemon.get('/readyz?verbose');
    body = answer.body;
    const wrong = answer.status === 503 ? JSON.parse(body).checks.filter(({ok}) => !ok).map(({name}) => name) : [];
    return answer.status === 200 || (stage.cell.lettersWait && wrong.join() === 'letters');
  }).catch((error) => stage.faults.push(`after round ${round}: ${error.message}: ${body}`, node.daemon.log.slice(-3000)));
}

async function strikeInRounds(stage, long) {
  const {cell} = stage;
  const {fault} = cell;
  await fault.prepare?.(stage);
  if (stage.skipped) {
    return;
  }
  await stage.begin();
  const rounds = long ? Math.min(cell.longRounds ?? Infinity, cell.rounds * 10) : cell.rounds;
  log(`${stage.messages.length} messages, ${rounds} rounds`);
  const share = Math.floor(stage.messages.length * (1 - tailShare) / rounds);
  const pace = Math.max(fault.lasts ?? 1500, share / 1000 * millisecondsForAThousand);
  for (let n = 0; n < rounds; ++n) {
    // What an earlier round asked for beyond its share is missing now, not after the last one.
    const publish = () => stage.producer.publish(Math.max(0, share * (n + 1) - stage.producer.next), pace);
    const publishing = fault.quiet ? publish().then(() => null) : publish();
    await (fault.quiet ? publishing : sleep(stage.random.between(100, 600)));
    stage.rounds.push(await fault.round(stage, n));
    await publishing;
    if (n + 1 < rounds) {
      // The next one strikes what works again.
      for (const node of stage.nodes) {
        await worksAgain(stage, node, n);
      }
    }
  }
  await stage.producer.publish(stage.messages.length, 500);
}

function judgeEvidence(stage, cell, counts, faults) {
  for (const names of cell.seen) {
    if (!names.split('|').some((name) => counts[name] > 0)) {
      faults.push(`no ${names.split('|').join(' or ')} was seen, so the cell tested nothing`);
    }
  }
  if (counts.forced >= stage.stops && stage.stops >= stopsMin) {
    faults.push(`all of the ${stage.stops} nodes that were told to stop had to be forced`);
  }
  if (stage.watch.reads === 0) {
    faults.push('the books were never read during the run');
  }
}

function judgeGoals(cell, slack, {recoveries, waits}, faults) {
  if (recoveries.some((each) => each === null)) {
    faults.push('after a round nothing was decided any more');
  }
  const {recovery, wait} = cell.goals ?? {};
  const beyond = (goal) => `more than ${slack === 1 ? '' : `${slack} times `}the goal of ${goal} ms`;
  const worst = quantile(recoveries, 1);
  if (recovery && worst > recovery * slack) {
    faults.push(`the first result came ${worst} ms after the fault, ${beyond(recovery)}`);
  }
  const longestWait = quantile(waits, 1); // of hundreds of thousands: too many for arguments
  if (wait && longestWait > wait * slack) {
    faults.push(`a record waited ${longestWait.toFixed(0)} ms, ${beyond(wait)}`);
  }
}

// What is counted when all is over, beside what was counted on the way.
function count(stage, {waits}) {
  const {cell} = stage;
  const counts = {...stage.counts, redeliveries: stage.redeliveries};
  for (const name of ['inDoubt', 'unconfirmed', 'fencedOff', 'madeAgain']) {
    counts[name] = stage.watch.total(name);
  }
  counts.late = waits.filter((wait) => wait >= cell.late).length;
  const events = stage.nodes.map(({daemon}) => eventsIn(daemon.log));
  for (const name of cell.seen.flatMap((names) => names.split('|')).filter((each) => !(each in counts))) {
    counts[name] = events.reduce((sum, each) => sum + (each.get(name) ?? 0), 0);
  }
  return counts;
}

function resultOf(stage, cell, {recoveries, waits}, counts, faults) {
  return {
    cell: cell.name, what: cell.what, how: cell.how, nodes: cell.nodes, records: stage.due, messages: stage.messages.length,
    seed: stage.seed, revision: revision(), rounds: stage.rounds.length,
    strikes: counts.kills + counts.freezes, redeliveries: stage.redeliveries, inDoubt: counts.inDoubt,
    counts: Object.fromEntries(Object.entries(counts).filter(([, value]) => value > 0)),
    recoveries: recoveries.filter((each) => each !== null),
    waits: {p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), most: quantile(waits, 1)},
    memory: stage.memory, reads: stage.watch.reads, goals: cell.goals, violations: faults.length, faults: faults.slice(0, 10),
    seconds: Math.round(performance.now() / 1000),
  };
}

async function run(cell, binary, options) {
  const stage = await Stage.open(binary, {cell, records: Number(options.records), seed: Number(options.seed)});
  try {
    await (cell.script ?? strikeInRounds)(stage, options.long);
    if (stage.skipped) {
      log(`SKIPPED ${cell.name}: ${stage.skipped}`);
      return {skipped: stage.skipped};
    }
    log('published');
    await stage.settle();
    await cell.fault?.end?.(stage);
    const faults = await stage.judge();
    const found = await times(stage);
    const counts = count(stage, found);
    judgeEvidence(stage, cell, counts, faults);
    judgeGoals(cell, options.long ? 1 : slackOfShort, found, faults);
    faults.push(...stage.world.refusals().map((line) => `a right is missing: ${line}`));
    return resultOf(stage, cell, found, counts, faults);
  } finally {
    await stage.close().catch((error) => log(`cleaning up: ${error.message}`));
  }
}

const {values: options, positionals: [name, binary]} = parseArgs({
  allowPositionals: true, args: argv.slice(2),
  options: {
    records: {type: 'string', default: '10000'},
    seed: {type: 'string', default: String(1 + Math.floor(Math.random() * 0x7fffffff))},
    long: {type: 'boolean', default: false},
    json: {type: 'string'},
    failpoints: {type: 'string'},
  },
});
const cell = cells.find((each) => each.name === name);
if (!cell || !binary) {
  console.log('usage: node cell.mjs NAME BINARY --records N --seed N [--long] [--json FILE] [--failpoints BINARY]');
  exit(2);
}
console.log(`${name} seed ${options.seed}`);
if (cell.armed && !options.failpoints) {
  log(`SKIPPED ${name}: no program with failpoints was given`);
  exit(77);
}
if (!options.long) {
  setTimeout(() => {
    console.log(`FAULT ${name} has not ended after ${longest / 1000} s`);
    exit(1);
  }, longest).unref();
}
const result = await run(cell, cell.armed ? options.failpoints : binary, options).catch((error) => ({
  cell: name, seed: Number(options.seed), violations: 1, faults: [error.stack],
}));
if (options.json && !result.skipped) {
  writeFileSync(options.json, JSON.stringify(result));
}
for (const fault of result.faults ?? []) {
  console.log(`FAULT ${fault}`);
}
exit(result.skipped ? 77 : result.violations === 0 ? 0 : 1);
