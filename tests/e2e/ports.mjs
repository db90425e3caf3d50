// Loopback ports for what is started again on the same one: below the range that the kernel hands out by itself, so that
// nobody takes a port while its owner is down, and apart from the ports of servers.sh and of the test programs. Of two
// tests at once each holds its own for as long as it lives: a server that is killed leaves its port free for a moment.

import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const ports = {first: 26000, count: 6000};
const marks = join(tmpdir(), `ledgerd-ports-held-${process.getuid()}`);
const held = new Set();
let next = process.pid * 37; // so that two runs at once choose apart

function mayListen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

// Whose mark it is; 0: it is not written yet, or has just gone.
function ownerOf(mark) {
  try {
    return Number(readFileSync(mark, 'utf8'));
  } catch {
    return 0;
  }
}

// What a process left that has ended is in nobody's way the next time.
function hold(port) {
  const mark = join(marks, String(port));
  try {
    writeFileSync(mark, String(process.pid), {flag: 'wx'});
  } catch (error) {
    if (error.code !== 'EEXIST') {
      throw error;
    }
    const owner = ownerOf(mark);
    if (owner !== 0 && !lives(owner)) {
      rmSync(mark, {force: true});
    }
    return false;
  }
  held.add(mark);
  return true;
}

process.on('exit', () => {
  for (const mark of held) {
    rmSync(mark, {force: true});
  }
});

export async function freePort() {
  mkdirSync(marks, {recursive: true});
  for (let i = 0; i < ports.count; ++i) {
    const port = ports.first + next++ % ports.count;
    if (hold(port) && await mayListen(port)) {
      return port;
    }
  }
  throw new Error('no port is free');
}
