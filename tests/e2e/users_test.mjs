// docs/security.md lists exactly the subjects of deploy/nats-permissions.conf.

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import test from 'node:test';

import {Users} from './users.mjs';

const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8');

// What a section of the page lists, with what it says it takes over: {publish, subscribe}.
function listed(user) {
  const section = new RegExp(`^### ${user}\n([^]*?)(?=\n##)`, 'm').exec(page)[1];
  const heirs = [.../^All of (.*?),/m.exec(section)?.[1].matchAll(/`(\w+)`/g) ?? []].map(([, name]) => listed(name));
  const [publish, subscribe = ''] = section.split(/^Subscribes to$/m);
  const subjects = (text) => [...text.matchAll(/`([^`]*\.[^`]*)`/g)].map(([, subject]) => subject)
    .filter((subject) => !subject.includes('<'));
  return {
    publish: [...new Set([...subjects(publish), ...heirs.flatMap((heir) => heir.publish)])],
    subscribe: [...new Set(['_INBOX.>', ...subjects(subscribe), ...heirs.flatMap((heir) => heir.subscribe)])],
  };
}

for (const user of ['ledger', 'account', 'provisioner', 'shadow', 'observer', 'operator', 'producer', 'caller']) {
  test(`the rights of ${user} stand on the page`, () => {
    const {publish, subscribe} = new Users().rights.get(user);
    const said = listed(user);
    assert.deepEqual(said.publish.sort(), [...publish].sort());
    assert.deepEqual(said.subscribe.sort(), [...subscribe].sort());
  });
}

test('a daemon and a verb have the user of what they do', () => {
  const users = new Users();
  assert.equal(users.ofDaemon([]), 'ledger+account+making');
  assert.equal(users.ofDaemon(['--roles', 'ledger']), 'ledger+making');
  assert.equal(users.ofDaemon(['--roles', 'account,ledger', '--provision=false']), 'ledger+account');
  assert.equal(users.ofVerb(['dead', 'list']), 'observer');
  assert.equal(users.ofVerb(['dead', 'discard', '1']), 'operator');
  assert.equal(users.as('ledger', 'nats://app:right@127.0.0.1:1'), 'nats://app:right@127.0.0.1:1');
});
