// What the tests of an instrumented build have reached: lines of every room, branches of the files where money is
// decided. Fails when a branch of those has never been taken both ways, or too few lines.
//
//   node report.mjs ROOT BUILD [--lines PERCENT]
//   node report.mjs ROOT BUILD --run PROGRAM
//
// BUILD holds the programs (tests/**/*_test) and what they have left in BUILD/profiles. With --run the one program is run
// here, and only the branches are asked for: of the tree it holds no more than those files.

import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, rmSync, statSync} from 'node:fs';
import {dirname, join, relative, resolve} from 'node:path';
import {env, exit} from 'node:process';
import {parseArgs} from 'node:util';

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

// What may stay one-sided: an assertion that holds, a loop that ends inside, and the value that a switch does not name (the
// compiler refuses one that leaves out a value of its enumeration).
const oneSided = /LEDGERD_ASSERT|\bwhile \(true\)|^\s*switch \(/;

// The tests of those files, their neighbours' among them; the simulations would only take time.
const suites = '^(money|plan|entry|codec_.*|record_look|gate.*|side_lane|lane_limits|fetcher.*|outbox|lease_table|letter_office|hand_over|ledger.*)$';

function programs(folder) {
  return readdirSync(folder, {withFileTypes: true}).flatMap((item) => {
    const path = join(folder, item.name);
    if (item.isDirectory()) {
      return programs(path);
    }
    return item.name.endsWith('_test') && statSync(path).mode & 0o100 ? [path] : [];
  });
}

// Whether they are green is said by the tests of the same names; counters make slow, and here nothing is asked of time.
function runTests(program, profiles) {
  rmSync(profiles, {recursive: true, force: true});
  mkdirSync(profiles, {recursive: true});
  const {error, signal} = spawnSync(program, ['-n', '-r', '0', '-s', suites], {
    env: {...env, LLVM_PROFILE_FILE: join(profiles, '%m.profraw')}, stdio: 'ignore',
  });
  if (error || signal) {
    throw error ?? new Error(`${program} ended by ${signal}`);
  }
}

// Debian installs the tools without a version in their name, beside the Clang of the release.
function readCoverage(build, profiles, [first, ...others]) {
  const merged = join(profiles, 'merged.profdata');
  const raw = readdirSync(profiles).filter((name) => name.endsWith('.profraw')).map((name) => join(profiles, name));
  execFileSync('llvm-profdata', ['merge', '--sparse', '-o', merged, ...raw]);
  const text = execFileSync('llvm-cov', ['export', '--format=text', '--skip-functions', '--skip-expansions',
    `--instr-profile=${merged}`, first, ...others.flatMap((path) => ['--object', path])], {maxBuffer, stdio: ['ignore', 'pipe', 'ignore']});
  // A file is named as the compiler was given it, in the build's folder.
  return JSON.parse(text.toString()).data[0].files.map((file) => ({...file, filename: resolve(build, file.filename)}));
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

function reportLines(files, linesMin) {
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
  return percent(reached, all) < linesMin ? [`fewer than ${linesMin} % of the lines are reached`] : [];
}

function reportBranches(root, files) {
  const faults = [];
  console.log('branches, both ways');
  for (const path of whole) {
    const file = files.find((each) => each.path === path);
    if (!file) {
      faults.push(`${path} was not seen`);
      continue;
    }
    const branches = branchesOf(root, file);
    const sides = branches.reduce((sum, {taken, notTaken}) => sum + (taken > 0) + (notTaken > 0), 0);
    console.log(`  ${path.padEnd(34)}${shown(sides, 2 * branches.length)}`);
    for (const {line, column, taken, notTaken} of branches) {
      if (taken === 0 || notTaken === 0) {
        faults.push(`${path}:${line}:${column}: never ${taken === 0 ? 'true' : 'false'}`);
      }
    }
  }
  return faults;
}

function report(root, build, {run, lines}) {
  const profiles = run ? join(dirname(run), 'profiles') : join(build, 'profiles');
  if (run) {
    runTests(run, profiles);
  }
  const files = readCoverage(build, profiles, run ? [run] : programs(join(build, 'tests')))
    .map((file) => ({...file, path: relative(root, file.filename)}))
    .filter(({path}) => rooms.includes(path.split('/')[0]));
  return [...run ? [] : reportLines(files, Number(lines)), ...reportBranches(root, files)];
}

const {values, positionals: [root, build]} = parseArgs({
  allowPositionals: true, options: {lines: {type: 'string', default: '0'}, run: {type: 'string'}},
});
const faults = report(resolve(root), resolve(build), values);
for (const each of faults) {
  console.log(each);
}
exit(faults.length > 0 ? 1 : 0);
