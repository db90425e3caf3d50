// Three nodes under load are restarted one after the other, as an upgrade does it: nothing is parked, and no request waits
// longer than five seconds for its verdict. Usage: node cluster_roll.mjs BINARY [OLD_BINARY]
//
// With OLD_BINARY, an earlier version, all three run it at first, and each comes back as BINARY.

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Cluster, log} from './cluster.mjs';
import {slackOfShort} from './slack.mjs';
import {conclude} from './world.mjs';

const [, , binary, old = binary] = argv;
const names = ['left', 'middle', 'right'];
const ackWaitSeconds = 30; // as it is in the field: nothing may depend on its end
const waitMax = 5000 * slackOfShort; // milliseconds: 5,000 are promised; a request that waits for a redelivery takes longer still

async function run() {
  const cluster = await Cluster.open(old, {ackWaitSeconds, flags: [], load: {rate: 1000}});
  const {load} = cluster;
  for (const name of names) {
    await cluster.start(name);
  }
  await cluster.formed(names);
  cluster.world.binary = binary;
  load.begin();
  await sleep(2000);
  for (const name of names) {
    const began = performance.now();
    await cluster.nodes.get(name).stop();
    const stopped = performance.now();
    const node = await cluster.start(name);
    await node.ready();
    await cluster.formed(names);
    await sleep(1000);
    const worst = load.sentBetween(began - 500, performance.now() - 500)
      .reduce((most, {sent, decided}) => Math.max(most, (decided ?? performance.now()) - sent), 0);
    log(`${name}: ended in ${(stopped - began).toFixed(0)} ms, back after ${(performance.now() - began).toFixed(0)}; `
      + `${worst.toFixed(0)} ms at most to a verdict`);
  }
  await cluster.allDecided('all is decided', 40);
  const faults = [];
  const worst = load.longestWait();
  log(`${worst.toFixed(0)} ms at most to a verdict`);
  if (worst > waitMax) {
    faults.push(`a request waited ${worst.toFixed(0)} ms for its verdict`);
  }
  const redeliveries = await cluster.traffic.redeliveries();
  log(`${redeliveries} redeliveries`);
  const parked = (await cluster.traffic.deadLetters()).length;
  if (parked > 0) {
    faults.push(`${parked} requests were parked`);
  }
  return [...faults, ...await cluster.judge()];
}

await conclude(run, log);
