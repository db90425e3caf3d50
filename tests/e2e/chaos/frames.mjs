// Where the messages of PostgreSQL's and NATS's protocols begin and end in a stream of bytes, and what a message is.
//
// A reader takes the bytes of one direction of one connection as they come and gives back whole frames, {bytes, kind,
// what}: joined, their bytes are the bytes that came. `kind` is the protocol's own letter or verb, `what` a word of
// ours for the frames that faults are about, or ''. A delivery has `of`, which names its message. Pure: no sockets, no clocks.
//
//   postgres, from the client   commit begin statement hello bye
//             from the server   committed rolled-back failed ready
//   nats,     from the client   ack progress nak term result letter request pull
//             from the server   puback refusal delivery

const startupCodes = {80877102: 'Cancel', 80877103: 'SSLRequest', 80877104: 'GSSENCRequest'};
const frameBytesMax = 1 << 26; // a length beyond it means that this is another protocol

class Reader {
  constructor() {
    this.rest = Buffer.alloc(0);
  }

  // The frames that are complete with these bytes.
  push(chunk) {
    let bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    const frames = [];
    for (;;) {
      const frame = bytes.length === 0 ? null : this.next(bytes);
      if (!frame) {
        break;
      }
      frames.push(frame);
      bytes = bytes.subarray(frame.bytes.length);
    }
    this.rest = bytes;
    return frames;
  }
}

// A length that includes itself, at `at`; null when it has not all come.
function lengthAt(bytes, at, least) {
  if (bytes.length < at + 4) {
    return null;
  }
  const length = bytes.readUInt32BE(at);
  if (length < least || length > frameBytesMax) {
    throw new Error(`a frame of ${length} bytes: this is not PostgreSQL's protocol`);
  }
  return at + length;
}

const wordOfQuery = (text) => (/^\s*COMMIT/i.test(text) ? 'commit' : /^\s*BEGIN/i.test(text) ? 'begin' : 'statement');

class PostgresClientReader extends Reader {
  constructor(line) {
    super();
    this.line = line;
    this.greeting = true;
  }

  next(bytes) {
    if (this.line.encrypted) {
      return {bytes, kind: 'tls', what: ''};
    }
    const end = lengthAt(bytes, this.greeting ? 0 : 1, 4);
    if (end === null || bytes.length < end) {
      return null;
    }
    const frame = bytes.subarray(0, end);
    if (this.greeting) {
      const kind = startupCodes[frame.readUInt32BE(4)] ?? 'Startup';
      this.greeting = kind !== 'Startup';
      this.line.oneByteAnswers += kind === 'SSLRequest' || kind === 'GSSENCRequest' ? 1 : 0;
      return {bytes: frame, kind, what: 'hello'};
    }
    const kind = String.fromCharCode(frame[0]);
    const what = kind === 'Q' ? wordOfQuery(frame.toString('latin1', 5, 25))
      : kind === 'X' ? 'bye' : 'PBE'.includes(kind) ? 'statement' : '';
    return {bytes: frame, kind, what};
  }
}

const serverWords = {E: 'failed', Z: 'ready'};

class PostgresServerReader extends Reader {
  constructor(line) {
    super();
    this.line = line;
  }

  next(bytes) {
    if (this.line.encrypted) {
      return {bytes, kind: 'tls', what: ''};
    }
    if (this.line.oneByteAnswers > 0) {
      this.line.oneByteAnswers -= 1;
      this.line.encrypted = bytes[0] === 'S'.charCodeAt(0) || bytes[0] === 'G'.charCodeAt(0);
      return {bytes: bytes.subarray(0, 1), kind: 'answer', what: ''};
    }
    const end = lengthAt(bytes, 1, 4);
    if (end === null || bytes.length < end) {
      return null;
    }
    const frame = bytes.subarray(0, end);
    const kind = String.fromCharCode(frame[0]);
    const tag = kind === 'C' ? frame.toString('latin1', 5, end - 1) : '';
    const what = tag === 'COMMIT' ? 'committed' : tag === 'ROLLBACK' ? 'rolled-back' : serverWords[kind] ?? '';
    return {bytes: frame, kind, what};
  }
}

const lineBytesMax = 1 << 16;
const carriesPayload = new Set(['PUB', 'HPUB', 'MSG', 'HMSG']);
const settlements = {'': 'ack', '+ACK': 'ack', '+NXT': 'ack', '+WPI': 'progress', '-NAK': 'nak', '+TERM': 'term'};

function wordOfPublication(subject, payload) {
  if (subject.startsWith('$JS.ACK.')) {
    return settlements[payload.toString('latin1', 0, 5).split(' ')[0]] ?? 'ack';
  }
  return subject.startsWith('transaction.result.') ? 'result'
    : subject.startsWith('transaction.dead.') ? 'letter'
    : /^transaction\.\w+$/.test(subject) ? 'request'
    : subject.includes('.CONSUMER.MSG.NEXT.') ? 'pull' : '';
}

const replyOf = (words) => (words.length > (words[0] === 'MSG' ? 4 : 5) ? words[3] : '');

// Which message a delivery is of, however often it comes: stream, place and the nanosecond in which it was stored.
function messageOf(reply) {
  const tokens = reply.split('.');
  const [stream, , , seq, , stored] = tokens.slice(tokens.length > 9 ? 4 : 2); // with a domain there are two more before
  return {stream, seq: Number(seq), stored};
}

function wordOfMessage(words, payload) {
  if (replyOf(words).startsWith('$JS.ACK.')) {
    return 'delivery';
  }
  const beginning = payload.toString('latin1', 0, 40);
  return /^\{"stream":\s*"[^"]*"/.test(beginning) ? 'puback' : beginning.startsWith('{"error":') ? 'refusal' : '';
}

class NatsReader extends Reader {
  next(bytes) {
    const lineEnd = bytes.indexOf('\r\n');
    if (lineEnd < 0) {
      if (bytes.length > lineBytesMax) {
        throw new Error('a line without an end: this is not the protocol of NATS');
      }
      return null;
    }
    const line = bytes.toString('latin1', 0, lineEnd);
    const words = line.trim().split(/\s+/);
    const kind = words[0].toUpperCase();
    if (!carriesPayload.has(kind)) {
      return {bytes: bytes.subarray(0, lineEnd + 2), kind, what: ''};
    }
    const size = Number(words.at(-1));
    if (!(size >= 0 && size <= frameBytesMax)) {
      throw new Error(`a payload of ${words.at(-1)} bytes: this is not the protocol of NATS`);
    }
    const end = lineEnd + 2 + size + 2;
    if (bytes.length < end) {
      return null;
    }
    words[0] = kind;
    const header = kind.startsWith('H') ? Number(words.at(-2)) : 0;
    const payload = bytes.subarray(lineEnd + 2 + header, end - 2);
    const what = kind.endsWith('PUB') ? wordOfPublication(words[1], payload) : wordOfMessage(words, payload);
    return {bytes: bytes.subarray(0, end), kind, what, subject: words[1], of: what === 'delivery' ? messageOf(replyOf(words)) : null};
  }
}

// The two readers of a new connection: {up} of what the client sends, {down} of what the server does.
export const readersOf = {
  postgres: () => {
    const line = {oneByteAnswers: 0, encrypted: false};
    return {up: new PostgresClientReader(line), down: new PostgresServerReader(line)};
  },
  nats: () => ({up: new NatsReader(), down: new NatsReader()}),
};
