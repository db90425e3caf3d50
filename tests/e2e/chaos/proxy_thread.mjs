// Fault proxies in a thread of their own, so that whatever holds up the run (psql, a large read) does not hold up what
// goes through them. `ProxyThread.open()` gives a thread, `thread.proxy(protocol, target)` a proxy in it; each
// operation of FaultProxy is a method of that, and returns a promise.

import {isMainThread, parentPort, Worker} from 'node:worker_threads';

import {FaultProxy, throughPort} from './fault_proxy.mjs';

const operations = ['rule', 'blackhole', 'halfOpen', 'cut', 'delay', 'slow', 'restore', 'deliveriesOf', 'close'];

class RemoteProxy {
  constructor(thread, id, port) {
    Object.assign(this, {thread, id, port});
    for (const operation of operations) {
      this[operation] = (...words) => thread.ask({operation, id, words});
    }
  }

  through(url) {
    return throughPort(url, this.port);
  }

  // {connections, cuts, acts, ports, errors}
  async counts() {
    return this.thread.ask({operation: 'counts', id: this.id});
  }
}

export class ProxyThread {
  static open() {
    const thread = new ProxyThread();
    thread.worker = new Worker(new URL(import.meta.url));
    thread.worker.unref();
    thread.waiting = new Map();
    thread.last = 0;
    thread.proxies = [];
    thread.worker.on('message', ({number, result, error}) => {
      const {resolve, reject} = thread.waiting.get(number);
      thread.waiting.delete(number);
      if (error) {
        reject(new Error(error));
      } else {
        resolve(result);
      }
    });
    return thread;
  }

  async proxy(protocol, target) {
    const {id, port} = await this.ask({operation: 'open', protocol, target});
    const proxy = new RemoteProxy(this, id, port);
    this.proxies.push(proxy);
    return proxy;
  }

  ask(question) {
    this.last += 1;
    this.worker.postMessage({...question, number: this.last});
    return new Promise((resolve, reject) => this.waiting.set(this.last, {resolve, reject}));
  }

  async close() {
    await this.worker.terminate();
  }
}

async function serve(proxies, {operation, id, words = [], protocol, target}) {
  if (operation === 'open') {
    const proxy = await FaultProxy.open(protocol, target);
    proxies.push(proxy);
    return {id: proxies.length - 1, port: proxy.port};
  }
  const proxy = proxies[id];
  if (operation === 'counts') {
    return {...proxy.counts, ports: proxy.ports, errors: proxy.errors};
  }
  return proxy[operation](...words) ?? null;
}

if (!isMainThread) {
  const proxies = [];
  parentPort.on('message', (question) => {
    serve(proxies, question).then(
      (result) => parentPort.postMessage({number: question.number, result}),
      (error) => parentPort.postMessage({number: question.number, error: error.stack}),
    );
  });
}
