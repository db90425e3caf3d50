// Each fault of the proxy, between a client and a server that write down what reaches them.

import assert from 'node:assert/strict';
import {connect, createServer} from 'node:net';
import test from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';

import {FaultProxy} from './fault_proxy.mjs';
import {ProxyProcess} from './proxy_process.mjs';

async function until(what, condition) {
  for (const begin = performance.now(); performance.now() - begin < 20000; await sleep(5)) {
    if (await condition()) {
      return;
    }
  }
  throw new Error(`waited in vain: ${what}`);
}

// What a socket has got, and how it ended: open, end, reset.
function notes(socket) {
  const result = {got: '', state: 'open', socket};
  socket.on('data', (bytes) => { result.got += bytes.toString('latin1'); });
  socket.on('end', () => { result.state = 'end'; });
  socket.on('error', () => { result.state = 'reset'; });
  return result;
}

// `answer`: what the server says to each line of the client, or nothing.
async function play(t, protocol = 'nats', answer = () => '') {
  const accepted = [];
  const server = createServer((socket) => {
    const one = notes(socket);
    accepted.push(one);
    socket.on('data', (bytes) => {
      const text = answer(bytes.toString('latin1'));
      if (text) {
        socket.write(text);
      }
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = await FaultProxy.open(protocol, server.address().port);
  const clients = [];
  const client = async () => {
    const one = notes(connect(proxy.port, '127.0.0.1'));
    clients.push(one.socket);
    const place = accepted.length;
    await until('the server has it', () => accepted[place]);
    return {client: one, server: accepted[place]};
  };
  t.after(() => {
    proxy.close();
    clients.forEach((socket) => socket.destroy());
    accepted.forEach(({socket}) => socket.destroy());
    server.close();
  });
  return {proxy, client, target: server.address().port};
}

const ack = 'PUB $JS.ACK.T.c.1.2.3.4.5 4\r\n+ACK\r\n';
const ping = 'PING\r\n';
const puback = 'MSG _INBOX.1 1 24\r\n{"stream":"S","seq":123}\r\n';

test('without a fault all passes, in order, whatever the pieces', async (t) => {
  const {proxy, client} = await play(t, 'nats', (text) => text.toLowerCase().replace(/[^]*/, ''));
  const pair = await client();
  const text = (ack + ping).repeat(2000);
  for (let at = 0; at < text.length; at += 777) {
    pair.client.socket.write(text.slice(at, at + 777));
  }
  await until('all has come', () => pair.server.got.length >= text.length);
  assert.equal(pair.server.got, text);
  assert.deepEqual(proxy.errors, []);
});

test('a dropped frame is gone, alone', async (t) => {
  const {proxy, client} = await play(t);
  const pair = await client();
  proxy.rule({direction: 'up', on: 'ack', act: 'drop', every: 2, times: 2});
  pair.client.socket.write((ack + ping).repeat(6) + 'PONG\r\n');
  await until('the last has come', () => pair.server.got.endsWith('PONG\r\n'));
  const [whole, without] = [ack + ping, ping];
  assert.equal(pair.server.got, `${whole}${without}${whole}${without}${whole}${whole}PONG\r\n`);
  assert.equal(proxy.counts.acts['drop ack'], 2);
});

test('a cut before a frame: the server never sees it, and both are reset', async (t) => {
  const {proxy, client} = await play(t);
  const pair = await client();
  proxy.rule({direction: 'up', on: 'ack', act: 'cut', times: 1});
  pair.client.socket.write(ping + ack + ping);
  await until('both have ended', () => pair.client.state === 'reset' && pair.server.state === 'reset');
  assert.ok(!pair.server.got.includes('ACK'));
  assert.equal(proxy.counts.cuts, 1);
  const next = await client();
  next.client.socket.write(ack);
  await until('the next connection is whole', () => next.server.got === ack);
});

test('a cut after a frame: it arrives, and its answer does not', async (t) => {
  const {proxy, client} = await play(t, 'nats', () => puback);
  const pair = await client();
  proxy.rule({direction: 'up', on: 'ack', act: 'cut-after', times: 1});
  pair.client.socket.write(ack);
  await until('both have ended', () => pair.client.state === 'reset' && pair.server.state !== 'open');
  assert.equal(pair.server.got, ack);
  assert.equal(pair.client.got, '');
});

function typed(kind, body) {
  const frame = Buffer.alloc(5 + body.length);
  frame.write(kind, 0, 'latin1');
  frame.writeUInt32BE(4 + body.length, 1);
  frame.write(body, 5, 'latin1');
  return frame.toString('latin1');
}

function startup() {
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(8, 0);
  frame.writeUInt32BE(196608, 4);
  return frame;
}

test('a COMMIT that was done is never confirmed', async (t) => {
  const committed = typed('C', 'COMMIT\0') + typed('Z', 'I');
  const {proxy, client} = await play(t, 'postgres', (text) => (text.includes('COMMIT') ? committed : ''));
  const pair = await client();
  proxy.rule({direction: 'down', on: 'committed', act: 'cut', times: 1});
  pair.client.socket.write(startup());
  pair.client.socket.write(typed('Q', 'COMMIT\0'), 'latin1');
  await until('the client is reset', () => pair.client.state === 'reset');
  assert.ok(pair.server.got.includes('COMMIT'));
  assert.equal(pair.client.got, '');
});

test('a COMMIT that hangs after it has arrived, until the fault is over', async (t) => {
  const committed = typed('C', 'COMMIT\0');
  const {proxy, client} = await play(t, 'postgres', (text) => (text.includes('COMMIT') ? committed : ''));
  const pair = await client();
  proxy.rule({direction: 'up', on: 'commit', act: 'mute'});
  pair.client.socket.write(startup());
  pair.client.socket.write(typed('Q', 'COMMIT\0'), 'latin1');
  await until('it has arrived', () => pair.server.got.includes('COMMIT'));
  await sleep(100);
  assert.equal(pair.client.got, '');
  assert.equal(pair.client.state, 'open');
  proxy.restore();
  await until('the answer comes', () => pair.client.got === committed);
});

test('a hang holds a frame and all behind it, in both directions', async (t) => {
  const {proxy, client} = await play(t, 'nats', () => puback);
  const pair = await client();
  proxy.rule({direction: 'up', on: 'ack', act: 'hang'});
  pair.client.socket.write(ping + ack + ping);
  await sleep(100);
  assert.ok(!pair.server.got.includes('ACK'));
  assert.equal(pair.client.state, 'open');
  proxy.restore();
  await until('all comes', () => pair.server.got === ping + ack + ping && pair.client.got.includes(puback));
});

for (const directions of [['up'], ['down'], ['up', 'down']]) {
  test(`a blackhole ${directions}`, async (t) => {
    const {proxy, client} = await play(t, 'nats', () => puback);
    const pair = await client();
    proxy.blackhole(directions);
    const later = await client();
    for (const one of [pair, later]) {
      one.client.socket.write(ping);
      one.server.socket.write(ping);
    }
    const passes = (direction) => !directions.includes(direction);
    await until('what may pass has come', () => [pair, later].every((one) =>
      (one.server.got === ping || !passes('up')) && (one.client.got.includes(ping) || !passes('down'))));
    await sleep(100);
    for (const one of [pair, later]) {
      assert.equal(one.server.got, passes('up') ? ping : '');
      assert.equal(one.client.got.includes(ping), passes('down'));
      assert.equal(one.client.state, 'open');
    }
    proxy.restore();
    await until('what waited comes', () => [pair, later].every((one) =>
      one.server.got === ping && one.client.got.includes(ping) && one.client.got.includes(puback)));
  });
}

test('a blackhole also holds what was on its way', async (t) => {
  const {proxy, client} = await play(t);
  const pair = await client();
  proxy.delay(2000);
  pair.client.socket.write(ping);
  await sleep(20);
  proxy.blackhole();
  await sleep(2300);
  assert.equal(pair.server.got, '');
  proxy.restore();
  await until('it comes', () => pair.server.got === ping);
});

test('half open: the server is gone, the client hears nothing of it, and new connections are whole', async (t) => {
  const {proxy, client} = await play(t);
  const pair = await client();
  assert.equal(proxy.halfOpen(), 1);
  await until('the server sees the end', () => pair.server.state !== 'open');
  pair.client.socket.write(ping);
  await sleep(100);
  assert.equal(pair.client.state, 'open');
  const next = await client();
  next.client.socket.write(ping);
  await until('the new one works', () => next.server.got === ping);
  proxy.restore();
  pair.client.socket.write(ping);
  await sleep(50);
  assert.equal(pair.client.state, 'open');
});

test('a delay keeps the order', async (t) => {
  const {proxy, client} = await play(t);
  const pair = await client();
  proxy.rule({direction: 'up', on: 'ack', act: 'delay', ms: 1000, times: 1});
  const began = performance.now();
  pair.client.socket.write(ping + ack + ping);
  await until('the first has come', () => pair.server.got === ping);
  await until('all has come', () => pair.server.got === ping + ack + ping);
  assert.ok(performance.now() - began >= 995);
  proxy.delay(100);
  const again = performance.now();
  pair.server.socket.write(ping);
  await until('the answer comes', () => pair.client.got === ping);
  assert.ok(performance.now() - again >= 95);
});

test('a slow drip: few bytes at a time, and all of them', async (t) => {
  const {proxy, client} = await play(t);
  const pair = await client();
  proxy.slow(10, 20);
  const began = performance.now();
  pair.client.socket.write(ack.repeat(5));
  await until('all has come', () => pair.server.got === ack.repeat(5));
  assert.ok(performance.now() - began >= (ack.length * 5 / 10 - 2) * 20);
});

test('proxies in a process of their own', async (t) => {
  const {target, client} = await play(t);
  await client();
  const host = ProxyProcess.open();
  const proxy = await host.proxy('nats', target);
  const one = notes(connect(proxy.port, '127.0.0.1'));
  await proxy.rule({direction: 'up', on: 'ack', act: 'cut'});
  one.socket.write(ping + ack);
  await until('it is cut', () => one.state === 'reset');
  const counts = await proxy.counts();
  assert.equal(counts.cuts, 1);
  assert.equal(counts.acts['cut ack'], 1);
  assert.equal(proxy.through('nats://a:b@127.0.0.1:1'), `nats://a:b@127.0.0.1:${proxy.port}`);
  await assert.rejects(host.ask({operation: 'nonsense', id: 0}));
  host.close();
  await until('it has ended', () => host.ended);
  await assert.rejects(proxy.counts(), /the proxies have ended with SIGKILL/);
});

test('deliveries are counted by message, whatever becomes of them', async (t) => {
  const sends = (stream, seq, stored) => `MSG a 1 $JS.ACK.${stream}.c.1.${seq}.9.${stored}.0 2\r\n{}\r\n`;
  const all = sends('TRANSACTIONS', 7, 111) + sends('TRANSACTIONS', 8, 112) + sends('TRANSACTIONS', 7, 111)
    + sends('TRANSACTIONS', 7, 222) + sends('TRANSACTION_RESULTS', 7, 111) + sends('TRANSACTIONS', 9, 113);
  const {target} = await play(t, 'nats', () => all);
  const host = ProxyProcess.open();
  const proxy = await host.proxy('nats', target);
  const one = notes(connect(proxy.port, '127.0.0.1'));
  await proxy.rule({direction: 'down', on: 'delivery', act: 'drop', every: 2});
  one.socket.write(ping);
  await until('the last was sent', async () => (await proxy.deliveriesOf([9])).length === 1);
  assert.deepEqual(await proxy.deliveriesOf([7, 8]), [['7 111', 2], ['8 112', 1], ['7 222', 1]]);
  assert.deepEqual(await proxy.deliveriesOf([]), []);
  one.socket.destroy();
  host.close();
});
