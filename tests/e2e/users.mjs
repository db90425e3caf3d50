// The users of deploy/nats-permissions.conf, under which a run's nats-server takes its clients.
//
// A daemon gets the user of its role. One with both roles, or one that makes streams and consumers, gets the rights of
// several, as docs/security.md says: `ledger+account`, `ledger+making`. A client that gives no user is the run itself,
// which may do everything. The passwords hold all that a URL has to escape.

import {readFileSync} from 'node:fs';

const deployed = readFileSync(new URL('../../deploy/nats-permissions.conf', import.meta.url), 'utf8');
const outsider = 'world';

const texts = (list) => [...list.matchAll(/"([^"]+)"/g)].map(([, text]) => text);

function parse() {
  const blocks = deployed.matchAll(/user: (\w+), password: "change-\1"\s+permissions \{([^]*?)\n {8}\}/g);
  return new Map([...blocks].map(([, name, text]) => {
    const bare = text.replace(/#.*/g, '');
    return [name, {
      publish: texts(/publish: \[([^]*?)\]/.exec(bare)[1]),
      subscribe: texts(/subscribe: \[([^]*?)\]/.exec(bare)[1]),
    }];
  }));
}

function union(all) {
  const lists = (key) => [...new Set(all.flatMap((rights) => rights[key]))];
  return {publish: lists('publish'), subscribe: lists('subscribe')};
}

const makes = (subject) => /^\$JS\.API\.(STREAM|CONSUMER\.DURABLE)\.CREATE\./.test(subject);

export const password = (user) => `${user}: p@ss/w%41rd,#?+`;

export class Users {
  constructor() {
    this.rights = parse();
    const {ledger, account, provisioner} = Object.fromEntries(this.rights);
    const making = {publish: provisioner.publish.filter(makes), subscribe: []};
    this.rights.set('ledger+account', union([ledger, account]));
    for (const name of ['ledger', 'account', 'ledger+account']) {
      this.rights.set(`${name}+making`, union([this.rights.get(name), making]));
    }
  }

  // Whom a daemon with these flags connects as.
  ofDaemon(flags) {
    if (flags.includes('--shadow')) {
      return 'shadow';
    }
    const roles = flags.includes('--roles') ? flags[flags.indexOf('--roles') + 1].split(',') : ['ledger', 'account'];
    const name = ['ledger', 'account'].filter((role) => roles.includes(role)).join('+');
    return flags.includes('--provision=false') ? name : `${name}+making`;
  }

  // Whom a verb connects as.
  ofVerb(words) {
    const moves = words[0] === 'submit' || (words[0] === 'dead' && ['replay', 'discard'].includes(words[1]))
      || (words[0] === 'locks' && words[1] === 'end');
    return moves ? 'operator' : 'observer';
  }

  // A new user: the rights of another one, without the subjects that match `pattern`.
  restrict(name, user, pattern) {
    const {publish, subscribe} = this.rights.get(user);
    const left = (list) => list.filter((subject) => !pattern.test(subject));
    this.rights.set(name, {publish: left(publish), subscribe: left(subscribe)});
    return name;
  }

  // All rights, with each subject as `rename` calls it.
  rename(rename) {
    for (const [name, {publish, subscribe}] of this.rights) {
      this.rights.set(name, {publish: publish.map(rename), subscribe: subscribe.map(rename)});
    }
  }

  // `url`, or a list of them, with the user's name and password; one that names somebody stays.
  as(user, url) {
    if (url.includes(',')) {
      return url.split(',').map((each) => this.as(user, each)).join(',');
    }
    const changed = new URL(url);
    if (changed.username) {
      return url;
    }
    return url.replace('//', `//${encodeURIComponent(user)}:${encodeURIComponent(password(user))}@`);
  }

  // For nats-server.
  get configuration() {
    const list = (subjects) => `[${subjects.map((subject) => JSON.stringify(subject)).join(', ')}]`;
    const users = [...this.rights].map(([name, {publish, subscribe}]) =>
      `{user: ${JSON.stringify(name)}, password: ${JSON.stringify(password(name))}, permissions {`
      + `publish: ${list(publish)}, subscribe: ${list(subscribe)}}}`);
    users.push(`{user: ${outsider}, password: ${JSON.stringify(password(outsider))}}`);
    return `accounts {\n  LEDGERD {\n    jetstream: enabled\n    users: [\n${users.join('\n')}\n    ]\n  }\n}\n`
      + `no_auth_user: ${outsider}\n`;
  }
}
