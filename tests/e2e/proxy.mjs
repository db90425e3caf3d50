// A TCP proxy between a daemon and a server, with the faults that a network or a silent server brings: the sockets stay
// open, but nothing gets through.

import {connect, createServer} from 'node:net';

import {freePort} from './ports.mjs';

export class Proxy {
  // Forwards to 127.0.0.1:target.
  static async open(target) {
    const proxy = new Proxy();
    proxy.target = target;
    proxy.pairs = new Set();
    proxy.silent = false;
    proxy.server = createServer((client) => proxy.#join(client));
    proxy.port = await freePort();
    await new Promise((resolve) => proxy.server.listen(proxy.port, '127.0.0.1', resolve));
    return proxy;
  }

  // `url` by way of this proxy.
  through(url) {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String(this.port);
    return changed.href;
  }

  // The ports from which the proxy has connected to the server.
  get ports() {
    return [...this.pairs].map(({server}) => server.localPort);
  }

  // From now on, for present and new connections, no byte gets through in either direction.
  blackhole() {
    this.silent = true;
    for (const {client, server} of this.pairs) {
      client.pause();
      server.pause();
    }
  }

  // What has waited gets through.
  restore() {
    this.silent = false;
    this.hangOn = null;
    for (const {client, server} of this.pairs) {
      client.resume();
      server.resume();
    }
  }

  // Each connection on which a client sends this word gets no more answers from then on; the word itself arrives.
  hangAfter(word) {
    this.hangOn = word;
  }

  close() {
    this.server.close();
    for (const {client, server} of this.pairs) {
      client.destroy();
      server.destroy();
    }
  }

  #join(client) {
    const server = connect(this.target, '127.0.0.1');
    client.setNoDelay(true); // or small answers wait for acknowledgements of the ones before
    server.setNoDelay(true);
    const pair = {client, server};
    this.pairs.add(pair);
    client.on('data', (bytes) => {
      if (this.hangOn && bytes.includes(this.hangOn)) {
        server.pause();
      }
      server.write(bytes);
    });
    server.on('data', (bytes) => client.write(bytes));
    for (const [one, other] of [[client, server], [server, client]]) {
      one.on('error', () => {});
      one.on('close', () => {
        this.pairs.delete(pair);
        other.destroy();
      });
    }
    if (this.silent) {
      client.pause();
      server.pause();
    }
  }
}
