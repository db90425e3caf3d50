// Plays the cells of the chaos, each in a process of its own, and says how each ended. Usage:
//   node chaos.mjs BINARY [--cells PATTERN] [--records N] [--long] [--jobs N] [--seed N] [--keep FILE] [--list]
//                        [--soak 60m] [--failpoints BINARY]
//
// --long: ten times as many rounds. --soak: mixed faults for so long. --failpoints: the daemon whose
// failpoints can be armed, for the cells that need it. --keep: FILE gets the results, also of what failed; those of earlier runs of
// other cells stay in it. A cell that this machine cannot play is named with the reason; it is no success, and no failure either.
// Exit code 77 when it can play none of them.

import {spawn} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {argv, execPath, exit} from 'node:process';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

import {cells, choose, soakRate} from './cells.mjs';
import {failureOf, groupsThatSawNothing, merged, revision} from './results.mjs';

const {values: options, positionals: [binary]} = parseArgs({
  allowPositionals: true, args: argv.slice(2),
  options: {
    cells: {type: 'string', default: '.'},
    records: {type: 'string', default: '10000'},
    long: {type: 'boolean', default: false},
    jobs: {type: 'string', default: '1'},
    seed: {type: 'string', default: String(1 + Math.floor(Math.random() * 0x7fffffff))},
    keep: {type: 'string'},
    list: {type: 'boolean', default: false},
    soak: {type: 'string'},
    failpoints: {type: 'string'},
  },
});
if (options.soak) {
  const [, count, unit] = /^(\d+)(s|m|h)$/.exec(options.soak) ?? [];
  options.cells = 'soak.mixed.3';
  options.long = true;
  options.records = String(soakRate * Number(count) * {s: 1, m: 60, h: 3600}[unit]);
}
const program = fileURLToPath(new URL('cell.mjs', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'ledgerd-chaos.'));

function play(cell) {
  const {name} = cell;
  const file = join(scratch, `${name}.json`);
  const words = [program, name, binary, '--records', options.records, '--seed', options.seed, '--json', file];
  return new Promise((resolve) => {
    const more = [...(options.long ? ['--long'] : []), ...(options.failpoints ? ['--failpoints', options.failpoints] : [])];
    const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', execPath, ...words, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    // A short cell ends itself after five minutes. One that cannot even do that is killed and shown with what it said.
    const guard = options.long ? null : setTimeout(() => {
      output += `FAULT ${name} does not end, it was killed\n`;
      child.kill('SIGKILL');
      child.stdout.destroy();
      child.stderr.destroy();
    }, 360000);
    child.stdout.on('data', (bytes) => { output += bytes; });
    child.stderr.on('data', (bytes) => { output += bytes; });
    child.once('close', (code) => {
      clearTimeout(guard);
      const said = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
      const complaints = [...output.matchAll(/^FAULT (.*)$/gm)].map(([, each]) => each);
      const faults = said?.faults ?? (complaints.length > 0 ? complaints : [`it ended with ${code}`]);
      const result = code === 77 ? null : said?.counts ? said : failureOf(cell, {seed: Number(options.seed), at: revision(), faults});
      resolve({name, code, output, result});
    });
  });
}

function report({name, code, output, result}) {
  if (code === 77) {
    console.log(output.split('\n').find((line) => line.includes('SKIPPED')));
    return;
  }
  const {counts = {}, recoveries = [], waits = {}, seconds} = result ?? {};
  const numbers = Object.entries(counts).map(([key, value]) => `${value} ${key}`).join(', ');
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name}: ${result?.records} records; ${numbers}; recoveries ${recoveries.join(' ')} ms; `
    + `waits ${waits.p50}, ${waits.p99}, ${waits.most} ms; ${seconds} s`);
  if (result?.memory) {
    const {first, last, minutesMb} = result.memory;
    console.log(`       memory ${first} bytes, at the end ${last}; by the minute, in MB: ${minutesMb.join(' ')}`);
  }
  if (code !== 0) {
    console.log(output.replace(/^/gm, '    '));
  }
}

function keep(results) {
  const old = existsSync(options.keep) ? JSON.parse(readFileSync(options.keep, 'utf8')) : [];
  const all = merged(old, results);
  writeFileSync(options.keep, `[\n${all.map((each) => JSON.stringify(each)).join(',\n')}\n]\n`);
}

const chosen = choose(options.cells);
if (options.list) {
  chosen.forEach(({name, what, how}) => console.log(`${name}\t${what}: ${how}`));
  exit(0);
}
if (!binary || chosen.length === 0) {
  console.log('usage: node chaos.mjs BINARY [--cells PATTERN] [--records N] [--long] [--jobs N] [--seed N] [--keep FILE] [--list]\n'
    + '         [--soak 60m] [--failpoints BINARY]');
  exit(2);
}
console.log(`${chosen.length} cells, seed ${options.seed}`);
const waiting = [...chosen];
const results = [];
const played = () => results.flatMap(({result}) => result ?? []);
await Promise.all(Array.from({length: Number(options.jobs)}, async () => {
  for (let cell = waiting.shift(); cell; cell = waiting.shift()) {
    const result = await play(cell);
    results.push(result);
    report(result);
    if (options.keep) {
      keep(played());
    }
  }
}));
rmSync(scratch, {recursive: true});
const failed = results.filter(({code}) => code !== 0 && code !== 77).map(({name}) => name);
const skipped = results.filter(({code}) => code === 77).length;
const blind = groupsThatSawNothing(played(), cells);
console.log(`${results.length - failed.length - skipped} cells hold, ${failed.length} do not, ${skipped} skipped`);
blind.forEach((each) => console.log(`FAILED ${each}`));
if (failed.length > 0) {
  console.log(`again: --seed ${options.seed} --cells '^(${failed.join('|')})$'`);
}
exit(failed.length + blind.length > 0 ? 1 : skipped === results.length ? 77 : 0);
