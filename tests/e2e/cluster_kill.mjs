// Three nodes under load, and every few seconds one is killed and started again: the money is right, the full rate is
// back within ten seconds, and accounts of the living never wait. Usage: node cluster_kill.mjs BINARY [KILLS [BROKERS [RATE]]]
//
// BROKERS: 3 for a cluster of three nats-servers with three replicas of each stream.

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Cluster, log, median} from './cluster.mjs';
import {owners, shardOf} from './owners.mjs';
import {beyondCalm, slackOfShort} from './slack.mjs';
import {Witness} from './witness.mjs';
import {conclude, until} from './world.mjs';

const [, , binary, kills = '4', brokers = '1', perSecond = '1000'] = argv;
const names = ['left', 'middle', 'right'];
const rate = Number(perSecond); // messages a second
const calmFor = 4000; // milliseconds before the first kill
const between = 10000; // milliseconds from one kill to the next, or until the full rate is back
const quickMax = 1000; // of a request while the rate is full; so much is promised, as are the next three
const backWithin = 7000 * slackOfShort; // ten seconds are promised
const pauseMax = 1500; // of an account that is in use all the time, beyond the longest time without a request for it
const waitMax = 9000; // of any request: the acknowledgement wait, twice where the next one dies with it, and a hand-over
const step = 500; // milliseconds of requests that are looked at together

// The accounts that are used most and that this node owns, neither before nor after the death.
function ownedByTheLiving(load, dead) {
  const before = owners(names);
  const after = owners(names.filter((name) => name !== dead));
  const lives = (user) => before[shardOf(user)] !== dead && before[shardOf(user)] === after[shardOf(user)];
  const uses = new Map();
  for (const {request} of load.messages) {
    uses.set(request.user, (uses.get(request.user) ?? 0) + 1);
  }
  return [...uses].filter(([user]) => lives(user)).sort((a, b) => b[1] - a[1]).slice(0, 5).map(([user]) => user);
}

// The longest time without a verdict for the account, or without a request, of those that fall into the time.
function longestPause(load, user, from, to, event = 'decided') {
  const times = load.messages.filter((each) => each.request.user === user && each[event] >= from && each[event] < to)
    .map((each) => each[event]).sort((a, b) => a - b);
  return [...times, to].reduce(([most, last], time) => [Math.max(most, time - last), time], [0, from])[0];
}

// Of a half second's requests 95 of 100 have had their verdict in time.
function isFull(load, from, quick) {
  const waits = load.sentBetween(from, from + step).map(({sent, decided}) => decided - sent);
  return waits.filter((wait) => wait < quick).length >= waits.length * 0.95;
}

// Milliseconds until each half second is full.
function backAfter(load, from, to, quick) {
  let back = 0;
  for (let at = from; at + step <= to; at += step) {
    back = isFull(load, at, quick) ? back : at + step - from;
  }
  return back;
}

// What this machine shows while all three live: {wait, pause}, milliseconds, the longest of any request and the longest without
// a verdict for an account that is in use, beyond that without a request for it.
function calmOf(load, from, to) {
  const waits = load.sentBetween(from, to - 1000).map(({sent, decided}) => (decided ?? to) - sent);
  const pauses = names.flatMap((dead) => ownedByTheLiving(load, dead))
    .map((user) => longestPause(load, user, from, to) - longestPause(load, user, from, to, 'sent'));
  return {wait: Math.max(0, ...waits), pause: Math.max(0, ...pauses)};
}

// What the machine itself has held up in this time, whatever the nodes did: {database, broker}, milliseconds.
const heldUp = (load, witness, from, to) => ({database: witness.longest(from, to), broker: load.longestConfirmation(from, to)});

function judgeKill(load, witness, {dead, at, to}, calm, faults) {
  const back = backAfter(load, at, to, beyondCalm(quickMax, calm.wait));
  const users = ownedByTheLiving(load, dead);
  const waits = load.sentBetween(at - 1000, to).map(({sent, decided}) => decided - sent);
  const pauses = users.map((user) => longestPause(load, user, at, Math.min(to, at + 6000)));
  const held = heldUp(load, witness, at - 1000, to);
  const machine = held.database + held.broker;
  log(`${dead} was killed: the full rate was back after ${back} ms; accounts of the living waited `
    + `${Math.max(...pauses).toFixed(0)} ms at most, ${median(pauses).toFixed(0)} in the middle; `
    + `${waits.filter((wait) => wait > 1000).length} of ${waits.length} requests waited more than 1 s, `
    + `${Math.max(...waits).toFixed(0)} ms at most; a stranger's commit took ${held.database.toFixed(0)} ms, `
    + `a confirmation of the broker ${held.broker.toFixed(0)} ms`);
  if (users.length < 3) {
    faults.push('hardly an account of the living was in use, so nothing was seen of them');
  }
  if (!(Math.max(...waits) < beyondCalm(waitMax, calm.wait) + machine)) {
    faults.push(`after the death of ${dead} a request waited ${Math.max(...waits).toFixed(0)} ms`);
  }
  if (back > backWithin) {
    faults.push(`${back} ms after the death of ${dead} the rate was not back`);
  }
  pauses.forEach((pause, i) => {
    const unasked = longestPause(load, users[i], at, Math.min(to, at + 6000), 'sent');
    if (pause > beyondCalm(pauseMax, calm.pause) + unasked + machine) {
      faults.push(`${users[i]}, which the dead ${dead} did not own, had no verdict for ${pause.toFixed(0)} ms`);
    }
  });
}

async function run() {
  const cluster = await Cluster.open(binary, {
    ackWaitSeconds: 2, flags: ['--shutdown-deadline', '1s'], load: {rate, accounts: 2000, exponent: 1.1},
    threeBrokers: brokers === '3',
  });
  for (const name of names) {
    await cluster.start(name);
  }
  await cluster.formed(names);
  const witness = new Witness(cluster.world.settings.LEDGERD_DATABASE_URL);
  cluster.load.begin();
  const from = performance.now() + 1000; // the connections' first requests take longer
  await sleep(calmFor);
  const calm = calmOf(cluster.load, from, performance.now());
  log(`in the calm a request waited ${calm.wait.toFixed(0)} ms at most, an account ${calm.pause.toFixed(0)} ms more than it was not asked for`);
  const deaths = [];
  const faults = [];
  for (let kill = 0; kill < Number(kills); ++kill) {
    const dead = names[kill % names.length];
    await until(`${dead} has work when it is killed`, 20, async () => (await cluster.nodes.get(dead).entries()) > 0);
    const at = performance.now();
    await cluster.nodes.get(dead).kill();
    await sleep(1000);
    await cluster.start(dead);
    await sleep(Math.max(0, at + between - performance.now()));
    const quick = beyondCalm(quickMax, calm.wait);
    await until('the full rate is back', (at + backWithin - performance.now()) / 1000, async () => {
      await sleep(100);
      const ended = performance.now() - quick;
      return isFull(cluster.load, ended - step, quick) && isFull(cluster.load, ended - 2 * step, quick);
    }).catch((error) => faults.push(`after the death of ${dead}: ${error.message}`));
    deaths.push({dead, at, to: performance.now()});
  }
  await cluster.formed(names);
  await cluster.allDecided('all is decided', 20);
  const redeliveries = await cluster.traffic.redeliveries();
  deaths.forEach((death) => judgeKill(cluster.load, witness, death, calm, faults));
  await witness.end();
  log(`${redeliveries} redeliveries`);
  if (redeliveries === 0) {
    faults.push('no message was delivered twice, so the kills tested nothing');
  }
  return [...faults, ...await cluster.judge()];
}

await conclude(run, log);
