// Runs the examples against a daemon and checks what they print: node examples.mjs scripts|java|go BINARY
//
// Ends with 77 where the machine lacks the language; `./dev test` installs them.

import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {World} from './world.mjs';

const folder = fileURLToPath(new URL('../../examples', import.meta.url));
const modules = fileURLToPath(new URL('node_modules', import.meta.url));
const [, , which, binary] = process.argv;
const skipped = 77;
const compiler = {java: ['javac', '--version'], go: ['go', 'version']}[which];
if (compiler && spawnSync(compiler[0], compiler.slice(1)).error?.code === 'ENOENT') {
  console.log(`SKIPPED: ${compiler[0]} is not installed`);
  process.exit(skipped);
}
const world = new World(binary);
const daemon = await world.daemon('examples', '--roles', 'ledger,account');
await daemon.ready();
const faults = [];

// What is compiled lands in the directory of the run.
function compiled(what, command, result) {
  const [program, ...words] = command;
  const {status, stdout, stderr} = spawnSync(program, words, {cwd: folder, encoding: 'utf8', timeout: 240000});
  if (status !== 0) {
    faults.push(`${what}: ${command.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return [];
  }
  return [result];
}

const out = world.directory;
const examples = {
  scripts: () => [['node', 'deposit.mjs'], ['python3', 'deposit.py'], ['./deposit.sh'],
    ...compiled('deposit.ts', ['node', join(modules, 'typescript/bin/tsc'), '--outDir', out, '--typeRoots', join(modules, '@types')],
      ['node', join(out, 'deposit.js')])],
  java: () => [['java', 'Deposit.java']],
  go: () => compiled('deposit.go', ['go', 'build', '-o', join(out, 'deposit.go.out'), 'deposit.go'], [join(out, 'deposit.go.out')]),
}[which]();

function run(command, ...words) {
  const [program, ...rest] = [...command, ...words];
  return spawnSync(program, rest, {
    cwd: folder, encoding: 'utf8', timeout: 60000, env: {...process.env, LEDGERD_URL: daemon.url},
  });
}

let balance = 0;
for (const command of examples) {
  const name = command.at(-1).split('/').at(-1);
  for (const words of [[], ['anna']]) {
    const {status, stdout, stderr} = run(command, ...words);
    if (status !== 2 || stdout !== '' || !/^usage: .*USER AMOUNT \[IDEMPOTENCY_KEY\]\n$/.test(stderr)) {
      faults.push(`${name} with ${words.length} words: exit ${status}: ${stdout}${stderr}`);
    }
  }
  const [first, again] = [1, 2].map(() => run(command, 'anna', '12500', `key of ${name}`.replaceAll(' ', '-')));
  balance += 12500;
  for (const result of [first, again]) {
    const record = result.status === 0 ? JSON.parse(result.stdout) : {};
    if (record.status !== 'SUCCESS' || record.balanceAfter !== String(balance)) {
      faults.push(`${name}: exit ${result.status}: ${result.stdout}${result.stderr}`);
    }
  }
  const own = run(command, 'berta', '5');
  const key = /^Idempotency-Key: (\S+)$/m.exec(own.stderr)?.[1] ?? 'none';
  const repeated = run(command, 'berta', '5', key);
  if (own.status !== 0 || own.stdout === '' || repeated.stdout !== own.stdout) {
    faults.push(`${name} with the key it made (${key}): ${own.stdout}${own.stderr}${repeated.stdout}${repeated.stderr}`);
  }
  const refused = run(command, 'anna', '-1');
  if (refused.status === 0 || !`${refused.stdout}${refused.stderr}`.includes('INVALID_FIELD')) {
    faults.push(`${name} with a negative amount: exit ${refused.status}: ${refused.stdout}${refused.stderr}`);
  }
}
await daemon.stop();
for (const fault of faults) {
  console.log(`FAULT ${fault}`);
}
console.log(faults.length === 0 ? `${examples.length} examples run` : `${faults.length} faults`);
process.exit(faults.length === 0 ? 0 : 1);
