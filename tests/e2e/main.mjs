// Runs one scenario end to end and checks it. Usage:
//   node main.mjs plain|kill|pair|exhaust BINARY [--requests N] [--kills N] [--seed N]

import {parseArgs} from 'node:util';

import {gather, inversions, judge, summary} from './facts.mjs';
import {Random} from './random.mjs';
import {makeMessages} from './requests.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const {values: options, positionals: [scenario, binary]} = parseArgs({
  allowPositionals: true,
  options: {
    requests: {type: 'string', default: '20000'},
    kills: {type: 'string', default: '20'},
    seed: {type: 'string', default: String(1 + Math.floor(Math.random() * 0x7fffffff))},
  },
});
const kills = Number(options.kills);
const shortShutdown = ['--shutdown-deadline', '1s'];
const ackWaitSeconds = 2;

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

// One daemon, all goes well.
async function plain(world, traffic, messages) {
  const daemon = await world.daemon('plain');
  await daemon.ready();
  await traffic.publish(messages);
  log(`${messages.length} messages published`);
  return [daemon];
}

// Two daemons on the same durables.
async function pair(world, traffic, messages) {
  const daemons = [await world.daemon('left'), await world.daemon('right')];
  for (const daemon of daemons) {
    await daemon.ready();
  }
  await traffic.publish(messages);
  log(`${messages.length} messages published`);
  return daemons;
}

// A daemon that is killed again and again, each time somewhere within its share of the load.
async function kill(world, traffic, messages, random) {
  await traffic.provision(ackWaitSeconds);
  await traffic.provisionResults(ackWaitSeconds);
  const share = Math.ceil(messages.length / (kills + 1));
  for (let round = 0; round < kills; ++round) {
    const daemon = await world.daemon('killed', ...shortShutdown);
    await daemon.ready();
    const goal = (await traffic.settled()) + random.below(share);
    const publishing = traffic.publish(messages.slice(round * share, (round + 1) * share));
    await until(`kill ${round} has its moment`, 60, async () => (await traffic.settled()) >= goal);
    await daemon.kill();
    await publishing;
  }
  log(`${kills} kills`);
  const daemon = await world.daemon('survivor', ...shortShutdown);
  await daemon.ready();
  await traffic.publish(messages.slice(kills * share));
  return [daemon];
}

// The broker gives every message up, after two deliveries to someone who settles none, while no daemon runs.
async function exhaust(world, traffic, messages) {
  const first = await world.daemon('first');
  await first.ready();
  await first.stop();
  await traffic.limitDeliveries(2);
  await traffic.publish(messages);
  const deliveries = await traffic.exhaust(2 * messages.length);
  log(`${messages.length} messages given up after ${deliveries} deliveries`);
  if (deliveries !== 2 * messages.length) {
    throw new Error(`${deliveries} deliveries of ${messages.length} messages gave none or not all of them up`);
  }
  const daemon = await world.daemon('rescuer', '--recovery-interval', '1s', ...shortShutdown);
  await daemon.ready();
  await until('all is rescued', 60, async () => (await daemon.entries()) >= messages.length);
  return [daemon];
}

async function run() {
  const play = {plain, kill, pair, exhaust}[scenario];
  if (!play || !binary) {
    throw new Error('usage: node main.mjs plain|kill|pair|exhaust BINARY [--requests N] [--kills N] [--seed N]');
  }
  console.log(`seed ${options.seed}, repeat with --seed ${options.seed}`);
  const random = new Random(options.seed);
  const messages = makeMessages(random, Number(options.requests));
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  const daemons = await play(world, traffic, messages, random);
  await traffic.drained(90);
  const redeliveries = await traffic.redeliveries();
  const shares = await Promise.all(daemons.map((daemon) => daemon.entries()));
  log(`drained, ${redeliveries} redeliveries; entries by daemon: ${shares}`);
  for (const daemon of daemons) {
    await daemon.stop();
  }
  const facts = await gather(world, traffic, messages);
  log(summary(facts));
  const {ofSubject, ofAccount} = inversions(facts);
  log(`${ofSubject} rows were overtaken by a later request of their subject, ${ofAccount} by any`);
  const faults = judge(world, facts);
  if (scenario === 'kill' && redeliveries === 0) {
    faults.push('no message was delivered twice, so the kills tested nothing');
  }
  if (shares.includes(0)) {
    faults.push(`the daemons had ${shares} entries, so one of them tested nothing`);
  }
  await traffic.close();
  return faults;
}

await conclude(run, log);
