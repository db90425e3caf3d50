// A node gives back what a flood took: node memory.mjs BINARY
//
// 100,000 messages are decided as they come. Then all of them are delivered again at once, twice, as when a broker has lost
// what it knew of its consumers. After each flood, under a light load, the node's memory must come back
// to what it was before the first, and a little more.

import assert from 'node:assert/strict';
import {setTimeout as sleep} from 'node:timers/promises';

import {residentBytes, sumOf} from './chaos/watch.mjs';
import {Random} from './random.mjs';
import {makeMessages} from './requests.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const seed = Number(process.argv[3] ?? 1 + Math.floor(Math.random() * 0x7fffffff));
const requests = 140000;
const flooding = 100000; // messages; the others are the light load
const lightly = 25; // messages each half second
const growthMax = 0.15; // a late arena of the allocator is a tenth
const payloadMax = 100000; // the largest take long, and are few
const floodLeast = 5000; // held at a time; fewer would be no flood
const quiet = 25; // seconds: longer than the allocator takes to give back free pages, and the tables their places
const restMax = 200; // seconds; usually half a minute, more on a machine that has other things to do

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

// Under a light load for so many seconds at most, until `enough` says so of the memory.
async function watch(traffic, {child: {pid}}, rest, seconds, enough) {
  for (const end = performance.now() + seconds * 1000; performance.now() < end;) {
    await traffic.publish(rest.splice(0, lightly));
    await sleep(500);
    if (enough(residentBytes(pid))) {
      return;
    }
  }
}

// The memory of a node that has little to do: the least, when it has not become less for a while.
async function atRest(traffic, daemon, rest) {
  let [least, since] = [Infinity, 0];
  await watch(traffic, daemon, rest, restMax, (now) => {
    if (now < least * 0.995) {
      [least, since] = [now, performance.now()];
    }
    return performance.now() - since > quiet * 1000;
  });
  return least;
}

// The least that the memory comes back to, at once when that is as little as it has to be.
async function comeBack(traffic, daemon, rest, most) {
  let least = Infinity;
  await watch(traffic, daemon, rest, restMax, (now) => (least = Math.min(least, now)) <= most);
  return least;
}

// Everything is delivered again, at once. Returns how much of it the node has held at a time.
async function flood(traffic, daemon) {
  const before = await daemon.entries();
  for (const {config} of await traffic.consumers()) {
    await traffic.manager.consumers.delete('TRANSACTIONS', config.durable_name);
    await traffic.manager.consumers.add('TRANSACTIONS', config).catch(() => {}); // the node may have been faster
  }
  let held = 0;
  await until('all is settled again', 120, async () => {
    const {body} = await daemon.get('/metrics');
    held = Math.max(held, sumOf(body, 'ledgerd_in_flight'));
    return traffic.drained(0).then(() => true, () => false);
  });
  log(`delivered again: ${await daemon.entries() - before} messages, ${held} held at a time, ${megabytes(residentBytes(daemon.child.pid))} MB`);
  return held;
}

await conclude(async () => {
  log(`seed ${seed}`);
  const world = new World(process.argv[2]);
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.provision(30);
  const daemon = await world.daemon('one', '--roles', 'ledger');
  await daemon.ready();
  const messages = makeMessages(new Random(seed), requests).filter(({payload}) => payload.length < payloadMax);
  await traffic.publish(messages.slice(0, flooding));
  await traffic.drained(120);
  const rest = messages.slice(flooding);
  const before = await atRest(traffic, daemon, rest);
  log(`${flooding} messages decided as they came: ${megabytes(before)} MB at rest`);
  const faults = [];
  let most = 0;
  for (const which of ['first', 'second']) {
    most = Math.max(most, await flood(traffic, daemon));
    const after = await comeBack(traffic, daemon, rest, before * (1 + growthMax));
    log(`after the ${which} flood: ${megabytes(after)} MB`);
    if (!(after <= before * (1 + growthMax))) {
      faults.push(`the memory was ${megabytes(before)} MB and is ${megabytes(after)} MB after the ${which} flood`);
    }
  }
  assert.ok(rest.length > 0, 'there was no load at the end');
  assert.ok(most >= floodLeast, `${most} messages held at a time are no flood`);
  await daemon.stop();
  await traffic.close();
  return faults;
}, log);
