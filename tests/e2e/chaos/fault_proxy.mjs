// A TCP proxy between a daemon and PostgreSQL or NATS that brings faults at whole messages of their protocols.
//
// Directions: `up` is from the client to the server, `down` the reverse. A rule is plain data,
//   {direction, on, act, every, times, ms}
// and means: of the frames that frames.mjs calls `on` (any frame: '*'), each `every`-th (1: each), `times` times at most:
//   cut        the frame is gone, both sides see the connection reset
//   cut-after  it arrives, then both connections end; its answer does not
//   drop       it is gone, and all else goes on
//   delay      it, and what follows it, arrives `ms` later
//   mute       it arrives; from then on this connection carries nothing the other way
//   hang       from this frame on, nothing gets through in either direction
// One thread. All faults end with `restore()`, except that what was cut stays cut and what was dropped is gone.

import {connect, createServer} from 'node:net';

import {readersOf} from './frames.mjs';

const heldBytesMax = 4 << 20; // of one direction of one connection; beyond it nothing more is read from the sender

const requestStream = 'TRANSACTIONS'; // whose deliveries are counted

const opposite = {up: 'down', down: 'up'};

// One direction of one connection: what has come and is still to be passed on, in order.
class Lane {
  constructor(proxy, link, direction, from, to, reader) {
    Object.assign(this, {proxy, link, direction, from, to, reader});
    this.queue = []; // {bytes, due, then}
    this.queued = 0;
    this.blocked = false;
    this.timer = null;
    from.on('data', (chunk) => this.#take(chunk));
    to.on('drain', () => this.#breathe());
    this.#breathe();
  }

  block() {
    this.blocked = true;
    this.#breathe();
  }

  unblock() {
    this.blocked = false;
    this.#flush();
    this.#breathe();
  }

  end() {
    clearTimeout(this.timer);
    this.queue = [];
  }

  #take(chunk) {
    let frames;
    try {
      frames = this.reader.push(chunk);
    } catch (error) {
      this.proxy.errors.push(error.message);
      this.link.cut();
      return;
    }
    for (const frame of frames) {
      if (this.link.over) {
        return;
      }
      if (frame.of?.stream === requestStream) {
        this.proxy.note(frame.of);
      }
      this.#apply(frame, this.proxy.ruleFor(this.direction, frame));
    }
    this.#flush();
    this.#breathe();
  }

  #apply(frame, rule) {
    const {act, ms = 0} = rule ?? {};
    if (act === 'cut') {
      this.link.cut();
    } else if (act === 'hang') {
      this.link.lanes.up.block();
      this.link.lanes.down.block();
      this.#put(frame.bytes);
    } else if (act !== 'drop') {
      this.#put(frame.bytes, act === 'delay' ? ms : 0, act === 'cut-after' ? () => this.link.endAfter(this.to) : null);
      if (act === 'mute') {
        this.link.lanes[opposite[this.direction]].block();
      }
    }
  }

  #put(bytes, ms = 0, then = null) {
    const before = this.queue.length > 0 ? this.queue[this.queue.length - 1].due : 0;
    const due = Math.max(before, performance.now() + ms + this.proxy.latency);
    this.queue.push({bytes, due, then});
    this.queued += bytes.length;
  }

  #flush() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.blocked || this.link.over || this.proxy.silent[this.direction]) {
      return;
    }
    const {drip} = this.proxy;
    let allowance = drip ? drip.bytes : Infinity;
    const ready = [];
    let then = null;
    while (this.queue.length > 0 && allowance > 0 && !then && this.queue[0].due <= performance.now()) {
      const head = this.queue[0];
      const part = head.bytes.length <= allowance ? head.bytes : head.bytes.subarray(0, allowance);
      allowance -= part.length;
      this.queued -= part.length;
      ready.push(part);
      if (part.length === head.bytes.length) {
        this.queue.shift();
        then = head.then;
      } else {
        head.bytes = head.bytes.subarray(part.length);
      }
    }
    if (ready.length > 0) {
      this.to.write(ready.length === 1 ? ready[0] : Buffer.concat(ready), then ?? undefined);
    }
    if (this.queue.length > 0 && !then) {
      const wait = allowance <= 0 ? drip.everyMs : Math.max(0, this.queue[0].due - performance.now());
      this.timer = setTimeout(() => { this.#flush(); this.#breathe(); }, wait);
    }
  }

  // Reads from the sender only while there is room for what it sends.
  #breathe() {
    const full = this.queued > heldBytesMax || this.to.writableNeedDrain;
    if (full || this.blocked || this.proxy.silent[this.direction]) {
      this.from.pause();
    } else {
      this.from.resume();
    }
  }
}

// One connection of a client, and ours to the server for it.
class Link {
  constructor(proxy, client) {
    this.over = false;
    this.proxy = proxy;
    this.client = client;
    this.server = connect(proxy.target, '127.0.0.1');
    client.setNoDelay(true);
    this.server.setNoDelay(true);
    const readers = readersOf[proxy.protocol]();
    this.lanes = {
      up: new Lane(proxy, this, 'up', client, this.server, readers.up),
      down: new Lane(proxy, this, 'down', this.server, client, readers.down),
    };
    for (const socket of [client, this.server]) {
      socket.on('error', () => {});
      socket.on('close', () => this.#ended(socket));
    }
  }

  cut() {
    this.proxy.counts.cuts += this.over ? 0 : 1;
    this.#finish();
    this.client.resetAndDestroy();
    this.server.resetAndDestroy();
  }

  // What was written to `socket` arrives; then both connections end.
  endAfter(socket) {
    this.proxy.counts.cuts += this.over ? 0 : 1;
    this.#finish();
    socket.end();
    (socket === this.server ? this.client : this.server).resetAndDestroy();
  }

  // The server's side is gone and the client is never told, as when its host has lost power.
  forget() {
    this.forgotten = true;
    this.lanes.up.block();
    this.lanes.down.block();
    this.server.destroy();
  }

  refresh() {
    this.lanes.up.unblock();
    this.lanes.down.unblock();
  }

  #finish() {
    this.over = true;
    this.lanes.up.end();
    this.lanes.down.end();
    this.proxy.links.delete(this);
  }

  #ended(socket) {
    if (this.forgotten && socket === this.server) {
      return;
    }
    this.#finish();
    (socket === this.client ? this.server : this.client).destroy();
  }
}

export class FaultProxy {
  // Forwards to 127.0.0.1:target; `protocol` is postgres or nats.
  static async open(protocol, target) {
    const proxy = new FaultProxy();
    Object.assign(proxy, {protocol, target, links: new Set(), errors: [], handedOut: new Map()});
    proxy.counts = {connections: 0, cuts: 0, acts: {}};
    proxy.#atRest();
    proxy.server = createServer((client) => {
      proxy.counts.connections += 1;
      proxy.links.add(new Link(proxy, client));
    });
    await new Promise((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    proxy.port = proxy.server.address().port;
    return proxy;
  }

  // `url` by way of this proxy.
  through(url) {
    return throughPort(url, this.port);
  }

  // The ports from which the proxy has connected to the server.
  get ports() {
    return [...this.links].map(({server}) => server.localPort).filter(Boolean);
  }

  rule(rule) {
    this.rules.push({every: 1, times: Infinity, ...rule, seen: 0, done: 0});
  }

  // From now on no byte gets through in these directions, on present and on new connections; all stay open.
  blackhole(directions = ['up', 'down']) {
    directions.forEach((direction) => { this.silent[direction] = true; });
    this.#refresh();
  }

  // All present connections stay open for the client, and nobody is there any more; new ones are forwarded.
  halfOpen() {
    const links = [...this.links];
    links.forEach((link) => link.forget());
    return links.length;
  }

  // All present connections are reset.
  cut() {
    const links = [...this.links];
    links.forEach((link) => link.cut());
    return links.length;
  }

  // Every frame arrives so many milliseconds later, in each direction.
  delay(ms) {
    this.latency = ms;
  }

  // So many bytes each so many milliseconds, on each connection and in each direction.
  slow(bytes, everyMs) {
    this.drip = {bytes, everyMs};
  }

  // The server has sent this message.
  note({seq, stored}) {
    const name = `${seq} ${stored}`;
    this.handedOut.set(name, (this.handedOut.get(name) ?? 0) + 1);
  }

  // How often the server has sent the messages of these places, of any life of their stream: [[place and time, how often]].
  deliveriesOf(places) {
    const wanted = new Set(places);
    return [...this.handedOut].filter(([name]) => wanted.has(Number(name.split(' ')[0])));
  }

  // No more faults; what has waited gets through.
  restore() {
    this.#atRest();
    this.#refresh();
  }

  close() {
    this.server.close();
    this.cut();
  }

  // The rule that this frame meets; it counts as done.
  ruleFor(direction, frame) {
    for (const rule of this.rules) {
      if (rule.direction !== direction || (rule.on !== '*' && rule.on !== frame.what) || rule.done >= rule.times) {
        continue;
      }
      rule.seen += 1;
      if (rule.seen % rule.every === 0) {
        rule.done += 1;
        const name = `${rule.act} ${rule.on}`;
        this.counts.acts[name] = (this.counts.acts[name] ?? 0) + 1;
        return rule;
      }
    }
    return null;
  }

  #atRest() {
    this.rules = [];
    this.silent = {up: false, down: false};
    this.latency = 0;
    this.drip = null;
  }

  #refresh() {
    for (const link of this.links) {
      if (!link.forgotten) {
        link.refresh();
      }
    }
  }
}

export function throughPort(url, port) {
  const changed = new URL(url);
  changed.hostname = '127.0.0.1';
  changed.port = String(port);
  return changed.href;
}
