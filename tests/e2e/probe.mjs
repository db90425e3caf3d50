// Asks for /livez twenty times a second, in a thread of its own, so that the times are the server's and not those of
// whoever makes the crowd; and before each time a server of one word in another process, which shows what this machine takes
// for any answer at this moment. The worker's data is {port, word}, the two ports; any message ends it; it answers with
// [{status, ms, least}], `least` the longer of the times of the word before and after, and `wordMs` the one before.

import {connect} from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';
import {parentPort, workerData} from 'node:worker_threads';

const probe = (port) => new Promise((resolve) => {
  const began = performance.now();
  const socket = connect(port, '127.0.0.1');
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
let word = await probe(workerData.word);
while (!over) {
  const {status, ms} = await probe(workerData.port);
  const before = word.ms;
  word = await probe(workerData.word);
  results.push({status, ms, wordMs: before, least: Math.max(before, word.ms)});
  await sleep(50);
}
parentPort.postMessage(results);
parentPort.close();
