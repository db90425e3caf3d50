// Frames are found wherever the bytes are split, and each kind of frame that faults are about is recognised.

import assert from 'node:assert/strict';
import test from 'node:test';

import {readersOf} from './frames.mjs';

function typed(kind, body) {
  const frame = Buffer.alloc(5 + body.length);
  frame.write(kind, 0, 'latin1');
  frame.writeUInt32BE(4 + body.length, 1);
  Buffer.from(body).copy(frame, 5);
  return frame;
}

function untyped(code, body = '') {
  const frame = Buffer.alloc(8 + body.length);
  frame.writeUInt32BE(8 + body.length, 0);
  frame.writeUInt32BE(code, 4);
  frame.write(body, 8, 'latin1');
  return frame;
}

const query = (text) => typed('Q', `${text}\0`);
const complete = (tag) => typed('C', `${tag}\0`);
const pub = (subject, payload, reply = '') => Buffer.from(`PUB ${subject} ${reply ? `${reply} ` : ''}${Buffer.byteLength(payload)}\r\n${payload}\r\n`);
const msg = (subject, payload, reply = '') => Buffer.from(`MSG ${subject} 7 ${reply ? `${reply} ` : ''}${Buffer.byteLength(payload)}\r\n${payload}\r\n`);

function hmsg(subject, payload) {
  const header = 'NATS/1.0\r\nX: y\r\n\r\n';
  return Buffer.from(`HMSG ${subject} 7 ${header.length} ${header.length + payload.length}\r\n${header}${payload}\r\n`);
}

function hpub(subject, payload, reply) {
  const header = 'NATS/1.0\r\nNats-Msg-Id: result-7\r\n\r\n';
  return Buffer.from(`HPUB ${subject} ${reply} ${header.length} ${header.length + payload.length}\r\n${header}${payload}\r\n`);
}

const conversations = {
  postgres: {
    up: [
      [untyped(80877103), 'hello'], [untyped(196608, 'user\0ledgerd\0\0'), 'hello'], [query('BEGIN'), 'begin'],
      [query('SET LOCAL lock_timeout = 1'), 'statement'], [typed('P', 'x\0SELECT 1\0\0\0'), 'statement'], [typed('B', 'x\0'), 'statement'],
      [typed('S', ''), ''], [query('COMMIT'), 'commit'], [query(' commit;'), 'commit'], [typed('X', ''), 'bye'],
    ],
    down: [
      [Buffer.from('N'), ''], [typed('R', '\0\0\0\0'), ''], [typed('S', 'a\0b\0'), ''], [complete('BEGIN'), ''],
      [complete('INSERT 0 5'), ''], [complete('COMMIT'), 'committed'], [typed('Z', 'I'), 'ready'], [complete('ROLLBACK'), 'rolled-back'],
      [typed('E', 'SERROR\0'), 'failed'],
    ],
  },
  nats: {
    up: [
      [Buffer.from('CONNECT {"verbose":false}\r\n'), ''], [Buffer.from('PING\r\n'), ''], [Buffer.from('SUB _INBOX.x.* 1\r\n'), ''],
      [pub('$JS.ACK.TRANSACTIONS.c.1.2.3.4.5', '+ACK'), 'ack'], [pub('$JS.ACK.T.c.1.2.3.4.5', ''), 'ack'],
      [pub('$JS.ACK.T.c.1.2.3.4.5', '+WPI'), 'progress'], [pub('$JS.ACK.T.c.1.2.3.4.5', '-NAK {"delay": 5}'), 'nak'],
      [pub('$JS.ACK.T.c.1.2.3.4.5', '+TERM'), 'term'], [hpub('transaction.result.deposit', '{"a":"\r\n"}', '_INBOX.x.1'), 'result'],
      [hpub('transaction.dead.deposit', 'PUB x 3\r\nabc\r\n', '_INBOX.x.2'), 'letter'], [pub('transaction.deposit', '{}', '_INBOX.1'), 'request'],
      [pub('$JS.API.CONSUMER.MSG.NEXT.T.c', '{"batch":5}', '_INBOX.x.3'), 'pull'],
    ],
    down: [
      [Buffer.from('INFO {"server_id":"x"}\r\n'), ''], [Buffer.from('PONG\r\n'), ''], [Buffer.from('+OK\r\n'), ''],
      [msg('_INBOX.x.1', '{"stream":"TRANSACTION_RESULTS","seq":5}'), 'puback'],
      [msg('_INBOX.x.1', '{"stream": "S", "domain":"d", "seq":5,"duplicate":true}'), 'puback'],
      [hmsg('_INBOX.x.1', '{"stream":"S","seq":5}'), 'puback'],
      [msg('_INBOX.x.1', '{"error":{"code":503},"stream":"S","seq":0}'), 'refusal'],
      [msg('transaction.deposit', '{"recordId":1}', '$JS.ACK.T.c.1.2.3.4.5'), 'delivery'], [msg('other', 'MSG a 1 2'), ''],
    ],
  },
};

for (const [protocol, directions] of Object.entries(conversations)) {
  // Both directions of one connection, since what a server's byte means depends on what was asked.
  const read = (step) => {
    const readers = readersOf[protocol]();
    const found = {up: [], down: []};
    for (const direction of ['up', 'down']) {
      const bytes = Buffer.concat(directions[direction].map(([frame]) => frame));
      for (let at = 0; at < bytes.length; at += step) {
        found[direction].push(...readers[direction].push(bytes.subarray(at, at + step)));
      }
    }
    return found;
  };

  for (const step of [1, 2, 3, 7, 64, 1 << 20]) {
    test(`${protocol}: pieces of ${step} bytes`, () => {
      const found = read(step);
      for (const [direction, expected] of Object.entries(directions)) {
        assert.deepEqual(found[direction].map(({what}) => what), expected.map(([, what]) => what));
        found[direction].forEach(({bytes}, i) => assert.ok(bytes.equals(expected[i][0]), `frame ${i} of ${direction}`));
      }
    });
  }
}

test('a delivery names its message', () => {
  const of = (reply) => readersOf.nats().down.push(msg('transaction.deposit', '{}', reply))[0].of;
  assert.deepEqual(of('$JS.ACK.TRANSACTIONS.c.3.17.40.1795706657209228881.5'), {stream: 'TRANSACTIONS', seq: 17, stored: '1795706657209228881'});
  assert.deepEqual(of('$JS.ACK.hub.account.TRANSACTIONS.c.3.17.40.1795706657209228881.5.token'),
    {stream: 'TRANSACTIONS', seq: 17, stored: '1795706657209228881'});
  assert.equal(of('_INBOX.x.1'), null);
});

test('an encrypted connection passes as it is', () => {
  const {up, down} = readersOf.postgres();
  up.push(untyped(80877103));
  assert.equal(down.push(Buffer.from('S')).length, 1);
  const secret = Buffer.from([22, 3, 1, 0, 5, 255, 255, 255, 255]);
  assert.ok(up.push(secret)[0].bytes.equals(secret));
  assert.ok(down.push(secret)[0].bytes.equals(secret));
});

test('what is another protocol is an error and no endless wait', () => {
  assert.throws(() => readersOf.postgres().up.push(Buffer.from('GET / HTTP/1.1\r\n\r\n')));
  assert.throws(() => readersOf.nats().up.push(Buffer.alloc(1 << 17, 'x')));
  assert.throws(() => readersOf.nats().down.push(Buffer.from('MSG a 1 -5\r\n')));
});
