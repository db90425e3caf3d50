// Fault proxies in a process of their own, so that whatever holds up the run (psql, a large read) does not hold up what
// goes through them. `ProxyProcess.open()` gives a host, `host.proxy(protocol, target)` a proxy in it; each
// operation of FaultProxy is a method of that, and returns a promise. It ends with whoever has opened it.

import {fork} from 'node:child_process';
import process from 'node:process';
import {fileURLToPath} from 'node:url';

import {FaultProxy, throughPort} from './fault_proxy.mjs';

const program = fileURLToPath(import.meta.url);
const operations = ['rule', 'blackhole', 'halfOpen', 'cut', 'delay', 'slow', 'restore', 'deliveriesOf', 'close'];

class RemoteProxy {
  constructor(host, id, port) {
    Object.assign(this, {host, id, port});
    for (const operation of operations) {
      this[operation] = (...words) => host.ask({operation, id, words});
    }
  }

  through(url) {
    return throughPort(url, this.port);
  }

  // {connections, cuts, acts, ports, errors}
  async counts() {
    return this.host.ask({operation: 'counts', id: this.id});
  }
}

export class ProxyProcess {
  static open() {
    const host = new ProxyProcess();
    host.child = fork(program, ['serve'], {serialization: 'advanced'});
    host.child.unref();
    host.child.channel.unref();
    host.waiting = new Map();
    host.last = 0;
    host.child.on('message', ({number, result, error}) => {
      const {resolve, reject} = host.waiting.get(number);
      host.waiting.delete(number);
      if (error) {
        reject(new Error(error));
      } else {
        resolve(result);
      }
    });
    host.child.once('exit', (code, signal) => {
      host.ended = new Error(`the proxies have ended with ${signal ?? code}`);
      host.waiting.forEach(({reject}) => reject(host.ended));
    });
    return host;
  }

  async proxy(protocol, target) {
    const {id, port} = await this.ask({operation: 'open', protocol, target});
    return new RemoteProxy(this, id, port);
  }

  ask(question) {
    if (this.ended) {
      return Promise.reject(this.ended);
    }
    this.last += 1;
    this.child.send({...question, number: this.last});
    return new Promise((resolve, reject) => this.waiting.set(this.last, {resolve, reject}));
  }

  close() {
    this.child.kill('SIGKILL');
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

if (process.argv[1] === program && process.argv[2] === 'serve') {
  const proxies = [];
  process.once('disconnect', () => process.exit());
  process.on('message', (question) => {
    serve(proxies, question).then(
      (result) => process.send({number: question.number, result}),
      (error) => process.send({number: question.number, error: error.stack}),
    );
  });
}
