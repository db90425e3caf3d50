// Two cells that are no rounds of one fault: the node killed at its n-th system call while it starts, and then while it
// works, for growing n, until one pass of each ends well; and a long run under mixed faults.

import {execFile, spawn} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {promisify} from 'node:util';

import {until} from '../world.mjs';
import {everyNode, nodeFaults, oneNode, roadFaults, serverFaults} from './faults.mjs';

const run = promisify(execFile);

// Everything by which a node speaks to a server, and reads and writes files.
const systemCalls = 'sendto,recvfrom,sendmsg,recvmsg,write,writev,read,connect,fsync';
const messagesAPass = 60; // one after the other, so that each is a batch of its own
const millisecondsAPass = 900;
const passSeconds = 40;

const distinctIds = (messages) => new Set(messages.filter(({request}) => request).map(({request}) => request.id)).size;
const killedAt = (n) => ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${systemCalls}`, '-e', `inject=${systemCalls}:signal=SIGKILL:when=${n}`];

const begun = (node, what) => until(what, passSeconds, async () => {
  await sleep(30);
  return node.gone || (await node.daemon.get('/readyz')).status === 200;
});

// True when it was killed. A traced life is slow: its short deadline may end a stop, and what it held comes again.
async function ended(stage, node, what) {
  if (!node.gone) {
    node.signal('SIGTERM');
  }
  const {code, signal} = await node.daemon.ended;
  if (signal !== 'SIGKILL' && code !== 0 && !(code === 70 && node.daemon.wasForced)) {
    stage.faults.push(`${what} ended with ${signal ?? code}: ${node.daemon.log.slice(-1500)}`);
  }
  return signal === 'SIGKILL';
}

// Each a life of the node, killed at its n-th call of one kind in one thread: from its first call to when it is ready, and a
// stop; or from when it is ready, with requests. A start takes so many calls that both in one would never come to the second.
const passes = {
  async start(stage, node, n) {
    node.wrapper = ['strace', '-D', ...killedAt(n)];
    await node.start();
    node.wrapper = null;
    node.meant = true;
    await begun(node, `start ${n}`);
    return ended(stage, node, `start ${n}`);
  },

  async work(stage, node, n) {
    await node.start();
    await node.ready();
    node.meant = true;
    const tracer = spawn('strace', [...killedAt(n), '-p', String(node.pid)], {stdio: 'ignore'});
    await until(`strace has every thread of pass ${n}`, passSeconds, async () => {
      await sleep(10);
      return node.gone || isTraced(node.pid);
    });
    await stage.producer.publish(messagesAPass, millisecondsAPass);
    const due = distinctIds(stage.messages.slice(0, stage.producer.next));
    await until(`pass ${n} ends`, passSeconds, async () => {
      await sleep(50);
      return node.gone || Number((await stage.ask('SELECT count(*) FROM ledger.transactions').catch(() => [[-1]]))[0][0]) >= due;
    });
    await sleep(node.gone ? 0 : 300);
    const killed = await ended(stage, node, `pass ${n}`);
    tracer.kill('SIGKILL');
    return killed;
  },
};

function isTraced(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).every((task) => !/^TracerPid:\s0$/m.test(readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8')));
  } catch {
    return false; // a thread has gone meanwhile, or all have
  }
}

// `grow`: the next n.
export const sweep = (grow) => async (stage) => {
  const [node] = stage.nodes;
  try {
    await run('strace', ['-D', '-f', '-qq', '-o', '/dev/null', 'true']);
  } catch (error) {
    stage.skipped = `strace cannot be used here: ${error.message}`;
    return;
  }
  // The tables are there, so that each pass does the same.
  await node.start();
  await node.ready();
  await node.stop();
  stage.watch.begin();
  for (const [name, pass] of Object.entries(passes)) {
    let [n, over] = [1, false];
    while (!over && stage.producer.next + 2 * messagesAPass < stage.messages.length) {
      over = !await pass(stage, node, n);
      stage.counts.kills += over ? 0 : 1;
      n = over ? n : grow(n);
    }
    stage.counts[`calls of one kind and thread in the ${name}, fewer than`] = n;
    if (!over) {
      stage.faults.push(`no ${name} ended well`);
    }
  }
  await node.start();
  await node.ready();
  stage.rounds.push([node.startedAt]);
  stage.messages.length = stage.producer.next + messagesAPass;
  await stage.producer.publish(messagesAPass, 0);
};

// The one whose memory is looked at is never ended.
const others = (stage, n) => [stage.nodes[(n % 2) * 2]];

const mixed = [
  nodeFaults.kill(others), nodeFaults.term(others), nodeFaults.stop(oneNode),
  roadFaults.cut(['postgres', 'nats'], oneNode), roadFaults.cut(['postgres'], everyNode), roadFaults.cut(['nats'], everyNode),
  roadFaults.hang(['postgres'], oneNode), roadFaults.hang(['nats'], oneNode), roadFaults.hang(['postgres', 'nats'], oneNode),
  roadFaults.rules('postgres', [{direction: 'down', on: 'committed', act: 'cut', every: 3}]),
  roadFaults.rules('postgres', [{direction: 'up', on: 'commit', act: 'cut', every: 3}]),
  roadFaults.rules('nats', [{direction: 'down', on: 'puback', act: 'drop', every: 3}]),
  roadFaults.rules('nats', [{direction: 'up', on: 'ack', act: 'drop', every: 2}]),
  roadFaults.halfOpen(['postgres', 'nats'], oneNode), roadFaults.slow(['nats'], oneNode, 500, 5),
  serverFaults.kill('postgres'), serverFaults.kill('nats'), serverFaults.stop('postgres'), serverFaults.stop('nats'),
];

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

const warmUp = 600000; // milliseconds in which caches and pools fill; a sixth of a shorter run
const creditTwice = 40000; // messages: more than a node may hold, so that its tables are as large as they get before anything is judged

// Memory of the node in the middle, which lives all the time: the median of the time after the warm-up and as long as
// that, and of as long a time at the end; and of each minute, so that everybody sees what the warm-up hides.
function judgeMemory(stage, began, ended) {
  const middle = stage.watch.memory.filter(({name, bytes}) => name === 'middle' && bytes > 0);
  const within = (from, to) => median(middle.filter(({at}) => at >= from && at < to).map(({bytes}) => bytes));
  const window = Math.min(warmUp, (ended - began) / 6);
  const [first, last] = [within(began + window, began + 2 * window), within(ended - window, ended)];
  const minutes = [];
  for (let at = began; at + 60000 <= ended; at += 60000) {
    minutes.push(Math.round(within(at, at + 60000) / 1e5) / 10);
  }
  stage.memory = {first, last, growth: last / first - 1, windowSeconds: Math.round(window / 1000), minutesMb: minutes};
  if (!(last <= first * 1.05)) {
    stage.faults.push(`the memory grew from ${first} to ${last} bytes`);
  }
}

// Mixed faults for as long as the records take at so many a second, after a backlog that fills the credit.
export const soak = (rate) => async (stage) => {
  stage.world.verbSeconds = 600; // for the audit of so many rows
  await stage.begin();
  const began = Date.now();
  const milliseconds = stage.records / rate * 1000; // some come twice
  const tail = 5 * rate; // after the last fault
  let over = false;
  await stage.producer.publish(Math.min(creditTwice, Math.floor(stage.messages.length / 6)), 0);
  const publishing = stage.producer.publish(stage.messages.length - tail - stage.producer.next, milliseconds).then(() => { over = true; });
  for (let n = 0; !over; ++n) {
    await sleep(stage.random.between(500, 5000));
    const fault = stage.random.pick(mixed);
    const ended = await fault.round(stage, n);
    stage.rounds.push(...(over ? [] : [ended]));
    for (const node of stage.nodes) {
      await node.ready(40).catch((error) => stage.faults.push(`after fault ${n}: ${error.message}`));
    }
  }
  await publishing;
  judgeMemory(stage, began, Date.now());
  await stage.producer.publish(tail, 5000);
};
