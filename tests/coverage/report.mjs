// What the tests of an instrumented build have reached: lines of every room, branches of the files where money is
// decided. Fails when a branch of those has never been taken both ways, or too few lines.
//
//   node report.mjs ROOT BUILD [--lines PERCENT]
//
// BUILD holds the programs (tests/**/*_test) and what they have left in BUILD/profiles.

import {execFileSync} from 'node:child_process';
import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join, relative} from 'node:path';
import {argv, exit} from 'node:process';

// Decoding, amounts, planning, the gate, the fetcher, letters and leases. Every branch, both ways.
const whole = [
  'domain/money.cpp', 'domain/plan.cpp',
  'messaging/wire/codec.cpp', 'messaging/wire/codec_fields.cpp', 'messaging/wire/json_reader.cpp',
  'actors/ledger/gate.cpp', 'actors/ledger/gate_batch.cpp', 'actors/ledger/side_lane.cpp',
  'actors/ledger/fetcher.cpp',
  'actors/common/outbox.cpp', 'actors/common/outbox.hpp', 'actors/common/lease_table.hpp', 'actors/common/lease.hpp',
];
const rooms = ['domain', 'messaging', 'persistence', 'actors', 'app'];
const maxBuffer = 2 ** 30;

// What may stay one-sided: an assertion that holds, and a loop that ends inside.
const oneSided = /LEDGERD_ASSERT|\bwhile \(true\)/;

function programs(folder) {
  return readdirSync(folder, {withFileTypes: true}).flatMap((item) => {
    const path = join(folder, item.name);
    if (item.isDirectory()) {
      return programs(path);
    }
    return item.name.endsWith('_test') && statSync(path).mode & 0o100 ? [path] : [];
  });
}

// Debian installs the tools without a version in their name, beside the Clang of the release.
function readCoverage(build) {
  const profiles = readdirSync(join(build, 'profiles')).map((name) => join(build, 'profiles', name));
  const merged = join(build, 'merged.profdata');
  execFileSync('llvm-profdata', ['merge', '--sparse', '-o', merged, ...profiles]);
  const [first, ...others] = programs(join(build, 'tests'));
  const text = execFileSync('llvm-cov', ['export', '--format=text', '--skip-functions', '--skip-expansions',
    `--instr-profile=${merged}`, first, ...others.flatMap((path) => ['--object', path])], {maxBuffer, stdio: ['ignore', 'pipe', 'ignore']});
  return JSON.parse(text.toString()).data[0].files;
}

// The branches of a file, each once however often its template was instantiated.
function branchesOf(root, file) {
  const lines = readFileSync(join(root, file.path), 'utf8').split('\n');
  const found = new Map();
  for (const [line, column, endLine, endColumn, taken, notTaken] of file.branches) {
    const key = [line, column, endLine, endColumn].join(':');
    const one = found.get(key) ?? {line, column, taken: 0, notTaken: 0};
    one.taken += taken;
    one.notTaken += notTaken;
    found.set(key, one);
  }
  return [...found.values()].filter(({line}) => !oneSided.test(lines[line - 1]));
}

const percent = (part, all) => all === 0 ? 100 : 100 * part / all;
const shown = (part, all) => `${percent(part, all).toFixed(1).padStart(5)} %  (${part} of ${all})`;

function report(root, build, linesMin) {
  const files = readCoverage(build).map((file) => ({...file, path: relative(root, file.filename)}))
    .filter(({path}) => rooms.includes(path.split('/')[0]));
  const faults = [];
  const sums = new Map([...rooms, 'together'].map((room) => [room, {all: 0, reached: 0}]));
  for (const {path, summary} of files) {
    for (const room of [path.split('/')[0], 'together']) {
      sums.get(room).all += summary.lines.count;
      sums.get(room).reached += summary.lines.covered;
    }
  }
  console.log('lines');
  for (const [room, {all, reached}] of [...sums].filter(([, sum]) => sum.all > 0)) {
    console.log(`  ${room.padEnd(34)}${shown(reached, all)}`);
  }
  const {all, reached} = sums.get('together');
  if (percent(reached, all) < linesMin) {
    faults.push(`fewer than ${linesMin} % of the lines are reached`);
  }
  console.log('branches, both ways');
  for (const path of whole) {
    const file = files.find((each) => each.path === path);
    if (!file) {
      faults.push(`${path} was not seen`);
      continue;
    }
    const branches = branchesOf(root, file);
    const missed = branches.filter(({taken, notTaken}) => taken === 0 || notTaken === 0);
    const sides = branches.reduce((sum, {taken, notTaken}) => sum + (taken > 0) + (notTaken > 0), 0);
    console.log(`  ${path.padEnd(34)}${shown(sides, 2 * branches.length)}`);
    for (const {line, column, taken} of missed) {
      faults.push(`${path}:${line}:${column}: never ${taken === 0 ? 'true' : 'false'}`);
    }
  }
  return faults;
}

const [, , root, build, , linesMin] = argv;
const faults = report(root, build, Number(linesMin ?? 0));
for (const each of faults) {
  console.log(each);
}
exit(faults.length > 0 ? 1 : 0);
