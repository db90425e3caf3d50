// Somebody who commits all the time on the nodes' database and touches nothing of theirs. What holds him up is the machine: a
// disk that stalls, a processor that somebody else has.

import {spawn} from 'node:child_process';
import {setTimeout as sleep} from 'node:timers/promises';

const pause = 50; // milliseconds between two commits
const commit = 'SELECT pg_logical_emit_message(true, \'witness\', \'\');\n'; // waits for the disk as any commit does

export class Witness {
  // `database`: a URL of which the superuser is asked.
  constructor(database) {
    const {hostname, port, password, pathname} = new URL(database);
    this.session = spawn('setpriv', ['--pdeathsig', 'KILL', '--', 'psql', '-XAtq'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {...process.env, PGHOST: hostname, PGPORT: port, PGUSER: 'postgres', PGPASSWORD: password, PGDATABASE: pathname.slice(1)},
    });
    this.ended = new Promise((resolve) => this.session.once('close', () => resolve('ended')));
    this.commits = []; // {from, to}, milliseconds
    this.on = true;
    this.running = this.#run();
  }

  // The longest of his commits of which a part falls into this time, in milliseconds.
  longest(from, to) {
    const now = performance.now();
    return this.commits.filter((each) => each.from < to && (each.to ?? now) > from)
      .reduce((most, each) => Math.max(most, (each.to ?? now) - each.from), 0);
  }

  async end() {
    this.on = false;
    await this.running;
    this.session.stdin.end();
  }

  async #run() {
    for (; this.on; await sleep(pause)) {
      const answered = new Promise((resolve) => this.session.stdout.once('data', resolve));
      const each = {from: performance.now()};
      this.commits.push(each);
      this.session.stdin.write(commit);
      if (await Promise.race([answered, this.ended]) === 'ended') {
        throw new Error('the session of the witness has ended');
      }
      each.to = performance.now();
    }
  }
}
