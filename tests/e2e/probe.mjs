// Asks for /livez twenty times a second, in a thread of its own, so that the times are the server's and not those of
// whoever makes the crowd. The worker's data is the port; any message ends it; it answers with [{status, ms}].

import {connect} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';
import {parentPort, workerData} from 'node:worker_threads';

const probe = () => new Promise((resolve) => {
  const began = performance.now();
  const socket = connect(workerData, '127.0.0.1');
  let got = '';
  const end = () => {
    socket.destroy();
    resolve({status: Number(got.split(' ')[1] ?? 0), ms: performance.now() - began});
  };
  socket.setTimeout(40000, end);
  socket.on('data', (part) => { got += part; });
  socket.on('error', end);
  socket.on('close', end);
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
});

let over = false;
parentPort.once('message', () => { over = true; });
const results = [];
while (!over) {
  results.push(await probe());
  await sleep(50);
}
parentPort.postMessage(results);
parentPort.close();
