// The reader of the pages reads what it must.

import assert from 'node:assert/strict';
import test from 'node:test';

import {blocksOf, commandsOf, spansOf, typedIn} from './doc_commands.mjs';

test('blocks are found with their line and their words, in lists too', () => {
  const page = 'a\n```sh\nledgerd status\n```\n1. b\n\n   ```sh run\n   ledgerd audit\n     --json\n   ```\n```\nplain\n```\n';
  assert.deepEqual(blocksOf(page), [
    {line: 2, info: 'sh', text: 'ledgerd status\n'},
    {line: 7, info: 'sh run', text: 'ledgerd audit\n  --json\n'},
    {line: 11, info: '', text: 'plain\n'},
  ]);
});

test('what stands in backticks is found, over the end of a line too, and not in blocks', () => {
  const page = 'a `ledgerd status` b\n```sh\necho `date`\n```\nc `ledgerd dead discard SEQ\n  --yes` and ``two` `` d\n';
  assert.deepEqual(spansOf(page), [{line: 1, text: 'ledgerd status'}, {line: 5, text: 'ledgerd dead discard SEQ --yes'}]);
});

test('of a terminal only what was typed in is a command', () => {
  assert.equal(typedIn('$ ledgerd run \\\n    --json # why\nledgerd is ready\n# ledgerd check\n'), 'ledgerd run      --json # why\nledgerd check');
  assert.equal(typedIn('ledgerd run\ncurl x\n'), 'ledgerd run\ncurl x\n');
});

test('a script is taken apart into commands', () => {
  const rows = [
    ['ledgerd status', [['ledgerd', 'status']]],
    ['ledgerd submit --user "the user" \\\n  --amount 1 # why', [['ledgerd', 'submit', '--user', 'the user', '--amount', '1']]],
    ["A=1 B='2 3' ledgerd run --why='a b'", [['ledgerd', 'run', '--why=a b']]],
    ['echo \'{"a": 1}\' | ledgerd submit --file - || echo no', [['echo', '{"a": 1}'], ['ledgerd', 'submit', '--file', '-'], ['echo', 'no']]],
    ['set -a; . .dev/run/env; set +a; PATH=$PATH:$PWD', [['set', '-a'], ['.', '.dev/run/env'], ['set', '+a']]],
    ['ledgerd dead list >letters 2>&1 && ./dev test', [['ledgerd', 'dead', 'list'], ['./dev', 'test']]],
    ['if ledgerd check; then ledgerd run; fi', [['ledgerd', 'check'], ['ledgerd', 'run'], ['fi']]],
    ['x=$(ledgerd trace 1)', [['ledgerd', 'trace', '1']]],
    ['# only a comment', []],
  ];
  for (const [script, expected] of rows) {
    assert.deepEqual(commandsOf(script), expected, script);
  }
});
