// The tests, tested: plants each fault of table.mjs and runs the tests that must fail on it. One build serves all, see
// schemata.mjs. Usage:
//   node mutants.mjs check [ROOT]     whether each fault can still be planted; builds nothing
//   node mutants.mjs list             the faults
//   node mutants.mjs run [--only PATTERN] [--by PATTERN] [--at FOLDER] [--jobs N] [--keep]
//   node mutants.mjs page [--check]   writes docs/mutants.md from what is kept, or says whether it is right
// --only chooses faults by name; --by runs all tests whose name matches instead of those that the table names, to find
// out who else notices; --keep keeps how each ended, for the page. Exits with 1 when a fault survives one of its tests.

import {spawn, spawnSync} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {cpus, tmpdir} from 'node:os';
import {dirname, join, relative} from 'node:path';
import {argv, env, exit} from 'node:process';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';

import {keep, pageFaults, writePage} from './page.mjs';
import {faults, headerPath, isProgram, mutatedFiles, programs, suites, variable} from './schemata.mjs';
import {table} from './table.mjs';

const here = fileURLToPath(new URL('../..', import.meta.url));
const notCopied = new Set(['.git', '.dev', 'build', 'node_modules']);
// Before a test is taken to hang: at least so long, and so many times what it takes without a fault, but not so much more.
const secondsMin = 60;
const patience = 10;
const secondsMore = 120;

function* filesOf(root, folder = root) {
  for (const item of readdirSync(folder, {withFileTypes: true})) {
    if (item.isDirectory() && !notCopied.has(item.name)) {
      yield* filesOf(root, join(folder, item.name));
    } else if (item.isFile()) {
      yield relative(root, join(folder, item.name));
    }
  }
}

function writeIfNew(path, content, mode) {
  if (existsSync(path) && readFileSync(path).equals(content)) {
    return;
  }
  mkdirSync(dirname(path), {recursive: true});
  writeFileSync(path, content);
  chmodSync(path, mode);
}

// Only what has changed is written, so that only that is built again.
function copyTree(from, to) {
  const mutated = mutatedFiles(from);
  const wanted = new Set([...filesOf(from), ...mutated.keys()]);
  for (const path of wanted) {
    const content = mutated.has(path) ? Buffer.from(mutated.get(path)) : readFileSync(join(from, path));
    writeIfNew(join(to, path), content, path === headerPath ? 0o644 : statSync(join(from, path)).mode);
  }
  if (existsSync(to)) {
    [...filesOf(to)].filter((path) => !wanted.has(path)).forEach((path) => rmSync(join(to, path)));
  }
}

function must(command, args, options) {
  const {status, stdout, stderr, error} = spawnSync(command, args, {encoding: 'utf8', maxBuffer: 1 << 28, ...options});
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ${error ?? ''}\n${(stdout + stderr).slice(-8000)}`);
  }
  return stdout;
}

function build(at, targets) {
  const settings = {cwd: at, env: {...env, CCACHE_BASEDIR: at, CCACHE_NOHASHDIR: '1'}};
  // Not optimised: most of the time goes into the build.
  must('cmake', ['--preset', 'ci', '-DCMAKE_CXX_FLAGS_RELEASE=-O0 -g0',
    `-DCMAKE_CXX_COMPILER_LAUNCHER=${env.CMAKE_CXX_COMPILER_LAUNCHER ?? 'ccache'}`], settings);
  must('cmake', ['--build', '--preset', 'ci', '--target', ...targets], settings);
}

// Each test's command, as ctest runs it.
function commands(at) {
  const said = JSON.parse(must('ctest', ['--test-dir', join(at, 'build/ci'), '--show-only=json-v1']));
  return new Map(said.tests.filter((each) => each.command).map(({name, command, properties}) => {
    const program = programs.get(name);
    return [name, {
      command: program ? [command[0], ...program.flags] : command,
      red: program?.red,
      folder: properties.find((each) => each.name === 'WORKING_DIRECTORY')?.value ?? at,
    }];
  }));
}

// How a test ends: passes, fails, crashes or hangs, and after how long.
function play({command: [program, ...args], folder, red}, mutant, secondsMax, reached) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(program, args, {
      cwd: folder, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
      env: {...env, [variable]: mutant ?? '', [`${variable}_REACHED`]: reached ?? ''},
    });
    let output = '';
    let ending = null; // ours
    let seconds = 0;
    const endGroup = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // nobody is left of it
      }
    };
    const end = (how) => {
      ending ??= how;
      endGroup();
    };
    const timer = setTimeout(() => end('hangs'), secondsMax * 1000);
    const hear = (chunk) => {
      output = (output + chunk).slice(-20000);
      if (red?.test(output) && !ending) {
        end('fails');
      }
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    child.on('exit', () => {
      clearTimeout(timer);
      seconds = (performance.now() - began) / 1000;
      setTimeout(endGroup, 500); // servers that it has left behind
    });
    child.on('close', (code, signal) => {
      const nothing = /tests: +0[^0-9]/.test(output);
      const how = ending ?? (nothing ? 'runs nothing' : signal || code > 127 ? 'crashes' : code === 0 ? 'passes' : 'fails');
      resolve({how, seconds, output});
    });
  });
}

// Does `work` for each, so many at a time.
async function forEach(items, jobs, work) {
  const left = [...items];
  await Promise.all(Array.from({length: jobs}, async () => {
    while (left.length > 0) {
      await work(left.shift());
    }
  }));
}

async function baseline(tests, known, jobs) {
  const result = new Map();
  const unknown = tests.filter((test) => !known.has(test));
  if (unknown.length > 0) {
    throw new Error(`ctest does not know ${unknown.join(', ')}`);
  }
  await forEach(tests, jobs, async (test) => {
    let played = await play(known.get(test), null, 600);
    if (played.how !== 'passes') {
      played = await play(known.get(test), null, 600); // the machine may have been busy
    }
    if (played.how !== 'passes') {
      throw new Error(`${test} ${played.how} without any fault:\n${played.output.slice(-3000)}`);
    }
    result.set(test, played.seconds);
  });
  return result;
}

async function judge(mutant, tests, known, usual, scratch, every) {
  const reached = join(scratch, mutant.name);
  const played = [];
  for (const test of tests) {
    const seconds = Math.max(secondsMin, Math.min(patience * usual.get(test), usual.get(test) + secondsMore));
    let once = await play(known.get(test), mutant.name, seconds, reached);
    if (once.how === 'hangs') {
      once = await play(known.get(test), mutant.name, 2 * seconds, reached); // the machine may have been busy
    }
    played.push({test, ...once});
  }
  const passed = played.filter(({how}) => how === 'passes');
  return {
    name: mutant.name, fault: mutant.fault, played, reached: existsSync(reached),
    survived: every ? passed.length === played.length : passed.length > 0,
  };
}

function line({name, played, reached, survived}, every) {
  const shown = every ? played.filter(({how}) => how !== 'passes') : played;
  const said = shown.map(({test, how, seconds}) => `${test} ${how} after ${seconds.toFixed(1)} s`).join(', ');
  return `${survived ? 'SURVIVED' : 'caught  '}  ${name.padEnd(32)} ${said || '-'}${reached ? '' : '; never reached'}`;
}

function summary(results, seconds) {
  const survived = results.filter((each) => each.survived);
  const first = (each) => Math.min(...each.played.filter(({how}) => how !== 'passes').map((one) => one.seconds));
  const times = results.filter((each) => !each.survived).map(first).sort((one, other) => one - other);
  const middle = times[Math.floor(times.length / 2)] ?? 0;
  console.log(`${results.length} faults: ${results.length - survived.length} caught, ${survived.length} survived; caught after `
    + `${middle.toFixed(1)} s (median), ${(times.at(-1) ?? 0).toFixed(1)} s at most; all in ${seconds.toFixed(0)} s`);
  survived.forEach((each) => console.log(`  ${each.name}: ${each.fault}`));
}

async function run({only, by, at, jobs, keep: keeps}) {
  const wrong = faults(here);
  if (wrong.length > 0) {
    throw new Error(wrong.join('\n'));
  }
  const mutants = table.filter(({name}) => !only || new RegExp(only).test(name));
  const began = performance.now();
  copyTree(here, at);
  const chosen = by
    ? [...suites(here)].filter((test) => new RegExp(by).test(test))
    : [...new Set(mutants.flatMap(({caught}) => caught))];
  build(at, [...new Set(chosen.map((test) => programs.get(test)?.target ?? test.split('.')[0]))]);
  const known = commands(at);
  console.log(`built after ${((performance.now() - began) / 1000).toFixed(0)} s; ${mutants.length} faults, ${chosen.length} tests`);
  const usual = await baseline(chosen, known, jobs);
  const scratch = mkdtempSync(join(tmpdir(), 'ledgerd-mutants-'));
  const results = [];
  await forEach(mutants, jobs, async (mutant) => {
    const result = await judge(mutant, by ? chosen : mutant.caught, known, usual, scratch, Boolean(by));
    results.push(result);
    console.log(line(result, Boolean(by)));
    if (keeps && !by) {
      keep(result);
    }
  });
  rmSync(scratch, {recursive: true});
  summary(results, (performance.now() - began) / 1000);
  if (keeps && !by) {
    writePage();
  }
  return results.every((each) => !each.survived);
}

async function main() {
  const {positionals: [verb, root], values} = parseArgs({
    allowPositionals: true,
    options: {
      only: {type: 'string'}, by: {type: 'string'}, keep: {type: 'boolean'}, check: {type: 'boolean'},
      at: {type: 'string', default: join(here, 'build/mutants')},
      jobs: {type: 'string', default: String(cpus().length)},
    },
  });
  if (verb === 'list') {
    table.forEach(({name, fault, file}) => console.log(`${name.padEnd(32)} ${file}: ${fault}`));
    return true;
  }
  if (verb === 'check') {
    const wrong = faults(root ?? here);
    wrong.forEach((sentence) => console.error(sentence));
    console.log(`${table.length} faults, ${wrong.length} that cannot be planted`);
    return wrong.length === 0;
  }
  if (verb === 'page') {
    const wrong = values.check ? pageFaults() : [];
    wrong.forEach((sentence) => console.error(sentence));
    if (!values.check) {
      writePage();
    }
    return wrong.length === 0;
  }
  if (verb === 'run') {
    return run({...values, jobs: Number(values.jobs)});
  }
  throw new Error('usage: node mutants.mjs check [ROOT] | list | page [--check] | run [--only PATTERN] [--by PATTERN] [--at FOLDER] [--jobs N] [--keep]');
}

if (isProgram(import.meta.url, argv)) {
  main().then((good) => exit(good ? 0 : 1), (error) => {
    console.error(error.message);
    exit(1);
  });
}
