// A NATS client that sends what no library would: any block of headers.

import {once} from 'node:events';
import {connect} from 'node:net';

import {until} from './world.mjs';

export class RawNats {
  static async open(url) {
    const raw = new RawNats();
    const {hostname, port} = new URL(url);
    raw.text = '';
    raw.socket = connect(Number(port), hostname);
    raw.socket.setEncoding('latin1');
    raw.socket.on('data', (piece) => {
      raw.text += piece;
      if (/^PING\r$/m.test(piece)) {
        raw.socket.write('PONG\r\n');
      }
    });
    await once(raw.socket, 'connect');
    raw.socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB _INBOX.raw 1\r\n');
    await raw.flush();
    return raw;
  }

  async flush() {
    this.text = '';
    this.socket.write('PING\r\n');
    await until('the server reads', 10, () => this.text.includes('PONG'));
  }

  // `lines` follow the version in the block; the last is empty.
  async publish(subject, lines, payload = '', reply = '') {
    const block = `NATS/1.0${lines}`;
    this.socket.write(`HPUB ${subject} ${reply && `${reply} `}${block.length} ${block.length + payload.length}\r\n${block}${payload}\r\n`, 'latin1');
    await this.flush();
  }

  // The document that comes as the answer.
  async ask(subject, lines, payload) {
    await this.publish(subject, lines, payload, '_INBOX.raw');
    const document = () => /^\{.*\}(?=\r?$)/m.exec(this.text)?.[0];
    return JSON.parse(await until('an answer', 20, document));
  }

  close() {
    this.socket.destroy();
  }
}
