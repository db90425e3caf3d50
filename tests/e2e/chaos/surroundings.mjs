// Faults of what processes stand on: full disks, clocks that jump, limits of descriptors and memory. Same shape as in faults.mjs.

import {execFile} from 'node:child_process';
import {chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

import {until} from '../world.mjs';

const run = promisify(execFile);
const clockSource = fileURLToPath(new URL('../../support/clock_shift.cpp', import.meta.url));
const hour = 3600 * 1000;

// A small file system of its own in the place of a directory, with what that held. False, with the reason, where this
// machine does not let us.
async function onSmallDisk(stage, directory, megabytes) {
  const {stdout} = await run('stat', ['-c', '%u:%g %a', directory]);
  const [owner, mode] = stdout.trim().split(' ');
  const aside = `${directory}.aside`;
  renameSync(directory, aside);
  mkdirSync(directory);
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory]);
  } catch (error) {
    rmSync(directory, {recursive: true});
    renameSync(aside, directory);
    stage.skipped = `no file system can be mounted here: ${error.stderr?.trim() ?? error.message}`;
    return false;
  }
  const unmount = () => run('umount', ['-l', directory]).catch(() => {});
  stage.closing.push(unmount);
  await run('chown', [owner, directory]);
  await run('chmod', [mode, directory]);
  await run('cp', ['-a', `${aside}/.`, `${directory}/`]);
  rmSync(aside, {recursive: true});
  return true;
}

// Fills what is left of it.
async function fill(directory) {
  await run('dd', ['if=/dev/zero', `of=${join(directory, 'ballast')}`, 'bs=64k']).catch(() => {});
}

// What a server may free again meanwhile is too little for it to write on.
async function isFull(directory) {
  const {stdout} = await run('df', ['--output=avail', '-B1', directory]);
  return Number(stdout.trim().split('\n').at(-1)) < 8192;
}

// While the disk is full.
const more = (stage) => stage.producer.more(200, 1000);

const empty = (directory) => rmSync(join(directory, 'ballast'), {force: true});

const complaints = (path) => (readFileSync(path, 'utf8').match(/no space left on device/gi) ?? []).length;

export const fullDisks = {
  postgres: () => ({
    prepare: async (stage) => {
      await stage.postgres.stop();
      const {data} = stage.postgres;
      if (await onSmallDisk(stage, data, 400 + Math.ceil(stage.records / 100))) {
        await stage.postgres.start();
      }
    },
    round: async (stage) => {
      const {data} = stage.postgres;
      await fill(data);
      // The log of the server cannot take another segment.
      await stage.ask('SELECT pg_switch_wal()', stage.operator).catch(() => {});
      await Promise.all([more(stage), sleep(3000)]);
      empty(data);
      const freed = Date.now();
      const started = await stage.postgres.start(); // where it has given up; else only waits for its answer
      stage.counts.full = complaints(join(stage.world.servers, 'pg.log'));
      return [Math.max(started, freed)];
    },
  }),

  nats: () => ({
    prepare: async (stage) => {
      await stage.nats.stop();
      if (await onSmallDisk(stage, join(stage.world.servers, 'nats'), 48 + Math.ceil(stage.records / 500))) {
        await stage.nats.start();
      }
    },
    round: async (stage) => {
      const directory = join(stage.world.servers, 'nats');
      await fill(directory);
      await Promise.all([more(stage), sleep(3000)]);
      stage.counts.full += complaints(join(stage.world.servers, 'nats.log')) > 0 || await isFull(directory) ? 1 : 0;
      empty(directory);
      // JetStream turns itself off when it cannot write, until the server is started again.
      await stage.nats.stop();
      return [await stage.nats.start()];
    },
  }),

  // The log is all that a node writes to a file system.
  daemon: () => ({
    prepare: async (stage) => {
      stage.logs = join(stage.world.directory, 'logs');
      mkdirSync(stage.logs);
      if (await onSmallDisk(stage, stage.logs, 64)) {
        stage.world.logs = stage.logs;
      }
    },
    round: async (stage) => {
      await fill(stage.logs);
      const count = async () => Number((await stage.ask('SELECT count(*) FROM ledger.transactions'))[0][0]);
      const before = await count();
      await Promise.all([more(stage), sleep(2500)]);
      await until('something is committed while the log cannot be written', 20, async () => await count() > before)
        .catch((error) => stage.faults.push(error.message));
      stage.counts.full += await isFull(stage.logs) ? 1 : 0;
      empty(stage.logs);
      return [Date.now()];
    },
  }),
};

async function clockLibrary(stage) {
  const at = mkdtempSync('/var/tmp/ledgerd-clock.');
  chmodSync(at, 0o755);
  stage.closing.push(() => rmSync(at, {recursive: true, force: true}));
  const library = join(at, 'clock_shift.so');
  await run('c++', ['-std=c++20', '-O1', '-shared', '-fPIC', '-o', library, clockSource]);
  const file = join(at, 'shift');
  writeFileSync(file, '0', {mode: 0o644});
  return {LD_PRELOAD: library, CLOCK_SHIFT: file};
}

// `readers`, one for each clock: begun before a jump, gives a function that says what the clock was last seen to say, or
// NaN. A jump counts when all have followed.
async function jumpAbout(stage, file, readers) {
  const ended = [];
  for (const shift of [hour, -hour, 0]) {
    const read = readers.map((begin) => begin());
    writeFileSync(file, String(shift));
    ended.push(Date.now());
    await sleep(1500);
    await until(`the clocks follow by ${shift} ms`, 20, async () => {
      const differences = (await Promise.all(read.map((each) => each()))).map((at) => Math.abs(at - Date.now() - shift));
      const followed = differences.every((each) => each < 60000);
      await (followed ? null : stage.producer.more(50, 200));
      return followed;
    }).then(() => { stage.counts.jumps += 1; }, (error) => stage.faults.push(error.message));
  }
  return ended;
}

// What stands at the beginning of the last line that a node has written since then.
const clockOfLog = (node) => () => {
  const from = node.daemon.log.length;
  return () => Date.parse([...node.daemon.log.slice(from).matchAll(/^(\d{4}-\d\d-\d\dT\S+Z) /gm)].at(-1)?.[1] ?? '');
};

const clockOfServer = (stage) => () => () => stage.ask('SELECT extract(epoch FROM clock_timestamp())')
  .then(([[seconds]]) => Number(seconds) * 1000, () => NaN);

export const clocks = {
  // Of all nodes, or of the first alone.
  daemon: (victims) => ({
    prepare: async (stage) => {
      stage.clock = await clockLibrary(stage);
      victims(stage, 0).forEach((node) => Object.assign(node.environment, stage.clock));
    },
    round: (stage) => jumpAbout(stage, stage.clock.CLOCK_SHIFT, victims(stage, 0).map(clockOfLog)),
  }),

  postgres: () => ({
    prepare: async (stage) => {
      stage.clock = await clockLibrary(stage);
      await stage.postgres.stop();
      stage.postgres.environment = stage.clock;
      await stage.postgres.start();
    },
    round: (stage) => jumpAbout(stage, stage.clock.CLOCK_SHIFT, [clockOfServer(stage)]),
  }),
};

const statusOf = (pid, name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);

// Nodes that a limit has ended are started again without it; anything but the exit code of a failure, or an abort, is a fault.
async function revive(stage) {
  const began = Date.now();
  for (const node of stage.nodes) {
    if (node.gone) {
      const {code, signal} = await node.daemon.ended;
      stage.counts.endedByLimit = (stage.counts.endedByLimit ?? 0) + 1;
      if (code !== 70 && signal !== 'SIGABRT') {
        stage.faults.push(`under the limit ${node.name} ended with ${signal ?? code}: ${node.daemon.log.slice(-1500)}`);
      }
      await node.start();
      await node.ready();
    }
  }
  return began;
}

// Many answers at a time, which take memory where the load alone finds what it needs among what was freed.
const askMuch = ({daemon}) => Promise.all(Array.from({length: 60}, (_, n) => daemon.get(['/metrics', '/v1/overview', '/readyz?verbose'][n % 3], 3)));

export const processLimits = {
  descriptors: () => ({
    round: async (stage) => {
      for (const node of stage.nodes) {
        const open = readdirSync(`/proc/${node.pid}/fd`).length;
        node.meant = true; // it may end
        node.descriptors = (await run('prlimit', ['--pid', String(node.pid), '--nofile', '-o', 'SOFT', '--noheadings'])).stdout.trim();
        await run('prlimit', ['--pid', String(node.pid), `--nofile=${Math.max(8, open - 4)}:`]);
      }
      await Promise.all(stage.proxiesOf(['nats', 'postgres']).map((proxy) => proxy.cut()));
      await sleep(3000);
      for (const node of stage.nodes) {
        stage.counts.limits += node.gone || (await node.daemon.get('/readyz', 3)).status !== 200 ? 1 : 0;
        if (!node.gone) {
          await run('prlimit', ['--pid', String(node.pid), `--nofile=${node.descriptors}:`]);
          node.meant = false;
        }
      }
      return [await revive(stage)];
    },
  }),

  // It is met when an allocation fails: the node says so, or ends.
  memory: () => ({
    round: async (stage) => {
      for (const node of stage.nodes) {
        node.meant = true;
        node.told = node.daemon.log.length;
        await run('prlimit', ['--pid', String(node.pid), `--as=${1024 * statusOf(node.pid, 'VmSize')}:unlimited`]);
      }
      await sleep(3000);
      const met = (node) => node.gone || /bad_alloc|cannot allocate memory/i.test(node.daemon.log.slice(node.told));
      await until('all nodes have met the limit', 20, async () => {
        await Promise.all(stage.nodes.filter((node) => !met(node)).map(askMuch));
        return stage.nodes.every(met);
      }).catch(() => {}); // what was seen says it
      stage.counts.limits += stage.nodes.filter(met).length;
      for (const node of stage.nodes.filter(({gone}) => !gone)) {
        await run('prlimit', ['--pid', String(node.pid), '--as=unlimited:unlimited']);
        node.meant = false;
      }
      return [await revive(stage)];
    },
  }),
};
