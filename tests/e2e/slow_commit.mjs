// A proxy before the database that holds each COMMIT for a while, as a far or replicated database does; a thread of its
// own. Its data are {url, latency in ms}; it says by which URL it is reached; any message ends it.

import {parentPort, workerData} from 'node:worker_threads';

import {Proxy} from './proxy.mjs';

const proxy = await Proxy.open(Number(new URL(workerData.url).port));
proxy.delay('COMMIT', workerData.latency);
parentPort.once('message', () => {
  proxy.close();
  parentPort.close();
});
parentPort.postMessage(proxy.through(workerData.url));
