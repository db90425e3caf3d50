// Loopback ports for what is started again on the same one: below the range that the kernel hands out by itself, so that
// nobody takes a port while its owner is down, and apart from the ports of servers.sh and of the test programs.

import {createServer} from 'node:net';

const ports = {first: 26000, count: 6000};
let next = process.pid * 37; // so that two runs at once choose apart

function mayListen(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

export async function freePort() {
  for (let i = 0; i < ports.count; ++i) {
    const port = ports.first + next++ % ports.count;
    if (await mayListen(port)) {
      return port;
    }
  }
  throw new Error('no port is free');
}
