// The connection to the node: the stream of overviews, and every other question. Tells its state; asks for a token
// when the node wants one. The token stays in this tab and never stands in a URL.

const staleAfter = 3500; // milliseconds without an overview; one comes each second
const silentAfter = 15000; // the connection is given up
const hiddenAfter = 60000; // a tab that nobody sees listens no longer
const bufferMax = 1 << 20;
const tokenKey = 'ledgerd.token';

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// An answer that is none, with the problem document's code and detail.
export class Failure extends Error {
  constructor(status, problem, retryAfter) {
    super(problem?.detail ?? (status ? `status ${status}` : 'the node does not answer'));
    this.status = status;
    this.code = problem?.code;
    this.retryAfter = retryAfter;
  }
}

// JSON whose integers keep all their digits: one that a number cannot hold becomes a text.
export function parse(text) {
  return JSON.parse(text.replace(/"(?:\\.|[^"\\])*"|-?\d{16,}(?![\d.eE])/g, (token) => (token[0] === '"' ? token : `"${token}"`)));
}

function stored() {
  try {
    return sessionStorage.getItem(tokenKey) ?? '';
  } catch {
    return ''; // a browser that keeps nothing
  }
}

function store(token) {
  try {
    token ? sessionStorage.setItem(tokenKey, token) : sessionStorage.removeItem(tokenKey);
  } catch {
    // then it is kept in memory alone
  }
}

export class Link {
  // on.overview(document), on.state(state, sentence), on.token(sentence): a token is wanted.
  constructor(on) {
    this.on = on;
    this.token = stored();
    this.state = 'connecting';
    this.heardAt = null;
    this.patience = staleAfter;
    this.wake = () => {};
  }

  start() {
    setInterval(() => this.judge(), 500);
    document.addEventListener('visibilitychange', () => this.look());
    this.run();
  }

  hasToken() {
    return this.token !== '';
  }

  setToken(token) {
    this.token = token;
    store(token);
    this.abort?.abort();
    this.tell('connecting', '');
    this.wake();
  }

  headers() {
    return this.token ? {Authorization: `Bearer ${this.token}`} : {};
  }

  // Milliseconds since the last overview; nothing: none yet.
  silence() {
    return this.heardAt === null ? null : performance.now() - this.heardAt;
  }

  tell(state, sentence) {
    if (state !== this.state || sentence !== this.sentence) {
      this.state = state;
      this.sentence = sentence;
      this.on.state(state, sentence);
    }
  }

  judge() {
    const silence = this.silence();
    if (['live', 'draining'].includes(this.state) && silence > this.patience) {
      this.tell('stale', '');
    }
    if (this.reading && performance.now() - this.readAt > silentAfter) {
      this.abort?.abort();
    }
    this.on.tick?.(this.state, silence);
  }

  look() {
    clearTimeout(this.hiding);
    if (document.hidden) {
      this.hiding = setTimeout(() => {
        this.away = true;
        this.abort?.abort();
      }, hiddenAfter);
    } else if (this.away) {
      this.away = false;
      this.wake();
    }
  }

  // One question, as JSON. Throws Failure.
  async ask(path, {method = 'GET', body, limit = 30000} = {}) {
    let answer;
    try {
      answer = await fetch(path, {
        method,
        cache: 'no-store',
        headers: {...this.headers(), ...(body && {'Content-Type': 'application/json'})},
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(limit),
      });
    } catch {
      throw new Failure(0);
    }
    const document = await answer.text().then(parse).catch(() => null);
    if (!answer.ok) {
      if (answer.status === 401) {
        this.on.token(this.token ? 'The node does not know this token.' : '');
      }
      throw new Failure(answer.status, document, Number(answer.headers.get('Retry-After')) || 1);
    }
    return document;
  }

  heard(document, patience = staleAfter) {
    this.heardAt = performance.now();
    this.patience = patience;
    this.on.overview(document);
    this.tell(document.node.doing === 'draining' ? 'draining' : 'live', '');
  }

  pause(ms) {
    return Promise.race([sleep(ms), new Promise((resolve) => { this.wake = resolve; })]);
  }

  async run() {
    for (let failures = 0; ;) {
      if (this.away) {
        await new Promise((resolve) => { this.wake = resolve; });
      }
      const before = this.heardAt;
      const wait = await this.listen().catch((error) => {
        if (['live', 'draining', 'stale'].includes(this.state) || this.state === 'connecting') {
          this.tell('lost', error.name === 'AbortError' ? '' : 'The connection broke.');
        }
        return null;
      });
      failures = this.heardAt === before ? failures + 1 : 0;
      if (!this.away) {
        await this.pause(wait ?? Math.min(10000, 500 * 2 ** Math.min(failures, 5)));
      }
    }
  }

  // Reads one stream to its end; returns how long to wait before the next, or nothing.
  async listen() {
    this.abort = new AbortController();
    const answer = await fetch('/v1/events', {
      cache: 'no-store', headers: this.headers(), signal: this.abort.signal,
    });
    if (answer.ok) {
      await this.read(answer.body.getReader());
      this.tell('lost', this.ending || 'The node ended the connection.');
      return null;
    }
    const problem = await answer.json().catch(() => null);
    if (answer.status === 401 || answer.status === 403) {
      const why = answer.status === 403 ? 'This token lacks the scope operate.' : this.token ? 'The node does not know this token.' : '';
      this.tell('token', why);
      this.on.token(why);
      return 86400000; // until one is given
    }
    if (answer.status === 503) { // no stream is free: ask instead
      const document = await this.ask('/v1/overview').catch(() => null);
      if (document) {
        this.heard(document, 7000);
        return 2000;
      }
    }
    this.tell('lost', problem?.detail ?? `The node answered with status ${answer.status}.`);
    return 1000 * (Number(answer.headers.get('Retry-After')) || 1);
  }

  async read(reader) {
    const decoder = new TextDecoder();
    let text = '';
    this.ending = '';
    this.reading = true;
    this.readAt = performance.now();
    try {
      for (;;) {
        const {done, value} = await reader.read();
        if (done) {
          return;
        }
        this.readAt = performance.now();
        text += decoder.decode(value, {stream: true});
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          this.take(text.slice(0, end));
          text = text.slice(end + 2);
        }
        if (text.length > bufferMax) {
          throw new Error('an event without an end');
        }
      }
    } finally {
      this.reading = false;
      reader.cancel().catch(() => {});
    }
  }

  take(event) {
    const field = (name) => event.split('\n').filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join('\n');
    const name = field('event');
    if (name === 'overview') {
      this.heard(JSON.parse(field('data')));
    } else if (name === 'end') {
      this.ending = `The node ended: ${JSON.parse(field('data')).why}.`;
    }
  }
}
