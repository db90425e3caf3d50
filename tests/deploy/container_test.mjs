// The Containerfile: what a linter would say, and what it must share with ./dev.

import assert from 'node:assert/strict';
import test from 'node:test';

import {DockerfileParser} from 'dockerfile-ast';

import {read} from './manifests.mjs';

// One sentence for each fault.
export function lint(text) {
  const faults = [];
  const file = DockerfileParser.parse(text);
  const all = file.getInstructions().map((each) => ({
    word: each.getKeyword(), arguments: each.getRawArgumentsContent() ?? '', line: each.getRange().start.line + 1,
  }));
  const stages = [];
  for (const each of all) {
    if (each.word === 'FROM') {
      stages.push({from: each.arguments, instructions: []});
    } else {
      stages.at(-1)?.instructions.push(each);
    }
  }
  const say = (complaint, line = 0) => faults.push(`${line}: ${complaint}`);
  const last = stages.at(-1);
  const lastOf = (word) => last.instructions.filter((each) => each.word === word).at(-1);

  if (stages.length < 2) {
    say('one stage: the tools of the build would be in the image');
  }
  for (const {from} of stages) {
    if (!/^\S+\/\S+:\S+( AS \w+)?$/.test(from) || /:latest\b/.test(from)) {
      say(`${from}: a base without its registry or its version`);
    }
  }
  for (const {word, arguments: text, line} of all) {
    if (word === 'ADD') {
      say('ADD fetches and unpacks: use COPY', line);
    }
    if (word === 'MAINTAINER') {
      say('MAINTAINER is gone', line);
    }
    if (word === 'RUN' && /apt-get/.test(text)) {
      for (const [wanted, name] of [[/--no-install-recommends/, 'no --no-install-recommends'], [/ -y /, 'no -y'],
        [/rm -rf \/var\/lib\/apt\/lists/, 'the lists stay'], [/apt-get [^&]*update/, 'an install without its update']]) {
        if (!wanted.test(text)) {
          say(`apt-get: ${name}`, line);
        }
      }
    }
    if (word === 'RUN' && /\b(sudo|curl|wget|apt|chmod 777)\b(?!-|\/)/.test(text)) {
      say('RUN with what has no place in a build', line);
    }
    if (['ENV', 'ARG'].includes(word) && /(PASSWORD|TOKEN|SECRET|_URL)/i.test(text)) {
      say('a secret in the image', line);
    }
    if (['CMD', 'ENTRYPOINT'].includes(word) && !isWordList(text)) {
      say(`${word} runs a shell, which keeps signals from the program`, line);
    }
  }
  const user = lastOf('USER')?.arguments ?? 'root';
  if (!/^[1-9]\d{3,}:[1-9]\d{3,}$/.test(user)) {
    say(`runs as ${user}: name a user and a group by numbers, so that an orchestrator sees that they are not root`);
  }
  const check = lastOf('HEALTHCHECK')?.arguments ?? '';
  if (!isWordList(/CMD (\[.*)$/.exec(check)?.[1])) {
    say('no health check without a shell');
  }
  if (!lastOf('ENTRYPOINT') || lastOf('STOPSIGNAL')?.arguments !== 'SIGTERM') {
    say('no entry point, or another signal than SIGTERM');
  }
  return faults;
}

function isWordList(text) {
  try {
    const words = JSON.parse(text);
    return Array.isArray(words) && words.every((word) => typeof word === 'string') && words.length > 0;
  } catch {
    return false;
  }
}

const containerfile = read('deploy/container/Containerfile');

test('the Containerfile has no fault', () => {
  assert.deepEqual(lint(containerfile), []);
});

test('each fault is found', () => {
  const changes = {
    'USER 10001:10001': 'USER ledgerd',
    'ENTRYPOINT ["/usr/bin/ledgerd"]': 'ENTRYPOINT /usr/bin/ledgerd',
    'CMD ["run"]': 'CMD run',
    'STOPSIGNAL SIGTERM': '',
    'COPY . .': 'ADD . .',
    '--no-install-recommends install ca-certificates': 'install ca-certificates',
    '/var/lib/apt/lists/* /packages': '/packages',
    'EXPOSE 8080': 'ENV LEDGERD_DATABASE_URL=postgresql://a:b@c/d',
    ' CMD ["/usr/bin/ledgerd", "status", "--alive"]': ' CMD ledgerd status --alive',
    'docker.io/library/debian:${DEBIAN_RELEASE}-slim AS build': 'debian:latest AS build',
  };
  for (const [now, then] of Object.entries(changes)) {
    assert.ok(containerfile.includes(now), now);
    assert.notDeepEqual(lint(containerfile.replace(now, then)), [], `${now} -> ${then}`);
  }
});

test('the image is built from the packages of ./dev', () => {
  const list = /\[build\]="([^"]+)"/.exec(read('dev'))[1].split(/\s+/).filter((name) => name !== 'ccache');
  const install = /install \\\n([^&]+)/.exec(containerfile)[1].split(/[\s\\]+/).filter(Boolean);
  assert.deepEqual(install.sort(), [...list, 'dpkg-dev', 'file'].sort());
});

test('what is of no use in an image stays outside', () => {
  const lines = read('.dockerignore').split('\n');
  assert.equal(read('.dockerignore'), read('.containerignore'));
  for (const path of ['.git', 'build', '.dev']) {
    assert.ok(lines.includes(path), path);
  }
});
