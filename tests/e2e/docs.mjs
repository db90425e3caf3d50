// Every command that the pages show: node docs.mjs BINARY
//
// Wherever a page shows `ledgerd VERB` or `./dev VERB`, in a block or in its text, the verb exists, with every flag that is given.
//
// Blocks that are fenced as `sh run` are run, all of a page in order, by bash, between private servers with a daemon at work. A
// block fenced as `csv NAME` or `jsonl NAME` is a file that they find. All other commands are run one by one on a playground, with
// its letters, records and files in the place of names such as SEQ, and end as they should. What is not run is listed with the reason.

import {spawnSync} from 'node:child_process';
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';

import {pages, Program, root, shownIn} from './doc_checks.mjs';
import {blocksOf} from './doc_commands.mjs';
import {conclude, until, World} from './world.mjs';

const binary = process.argv[2];
const program = new Program(binary);
const faults = [];
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

// A page is one script in a directory of its own; the first command that fails ends it.
async function runPage(name, blocks) {
  const world = new World(binary);
  const daemon = await world.daemon('docs', '--roles', 'ledger,account');
  await daemon.ready();
  const folder = join(world.directory, 'page');
  mkdirSync(folder);
  for (const {info, text} of blocks.filter((block) => /^(csv|jsonl) \S+$/.test(block.info))) {
    writeFileSync(join(folder, info.split(' ')[1]), text);
  }
  const script = blocks.filter((block) => block.info === 'sh run').map((block) => `echo "== line ${block.line}"\n${block.text}`).join('');
  const env = {
    ...process.env, ...world.settings, LEDGERD_HTTP_LISTEN: new URL(daemon.url).host,
    LEDGERD_NATS_URL: world.natsUrl, PATH: `${dirname(binary)}:${process.env.PATH}`,
  };
  const {status, stdout, stderr} = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder, env, encoding: 'utf8', timeout: 120000,
  });
  if (status !== 0) {
    const at = stdout.match(/^== line \d+$/gm)?.at(-1) ?? '== line 1';
    faults.push(`${name}: the block at ${at.slice(3)} ended with ${status}:\n${stdout.slice(-1500)}${stderr.slice(-1500)}`);
  }
  await daemon.stop();
  log(`${name}: ${(script.match(/^== line|^echo "== line/gm) ?? []).length} blocks run`);
}

// Verbs that want more than their name.
const wanting = ['account', 'bench', 'completion', 'currency add', 'dead discard', 'dead replay', 'dead show', 'import', 'locks end', 'submit', 'trace'];

// Why a command is not run one by one, or nothing.
function reasonNotToRun({program: which, words}) {
  if (which === 'dev') {
    return words[0] === 'run' ? undefined : 'builds, tests or measures for minutes, or leaves servers behind';
  }
  const {verb, rest} = program.parts(words);
  if (words.includes('--shadow') || words.join(' ').includes('shadow')) {
    return 'wants another service beside it: e2e.shadow runs it';
  }
  if (program.help(verb).verbs.length > 0 && rest.length === 0) {
    return 'names a group of verbs';
  }
  if (wanting.includes(verb.join(' ')) && rest.length === 0) {
    return 'names a verb and not what it wants';
  }
  if (/^--(?!watch)/.test(rest.at(-1) ?? '') && program.help(verb).valued.has(rest.at(-1))) {
    return 'names a flag and not its value';
  }
  if (verb.join(' ') === 'locks end') {
    return 'wants a session that blocks: the tests of the program make one';
  }
  if (words.includes('balances.csv')) {
    return 'wants an empty ledger: the blocks of docs/moving-in.md and e2e.import run it';
  }
  if (verb[0] === 'run' && !rest.some((flag) => ['--help', '--print-config'].includes(flag))) {
    return 'stays until it is stopped: here the README\'s is run, and e2e.tls runs that with HTTPS';
  }
  return undefined;
}

// What is dry-run or replayed unmended would be parked again: the answer is no.
function codeOf(words) {
  return words[0] === 'dead' && words[1] === 'replay' && !words.includes('--set') ? 1 : 0;
}

class Playground {
  static async open() {
    const ground = new Playground();
    ground.world = new World(binary);
    ground.daemon = await ground.world.daemon('playground', '--roles', 'ledger,account');
    await ground.daemon.ready();
    ground.world.environment.LEDGERD_HTTP_LISTEN = new URL(ground.daemon.url).host;
    ground.config = join(ground.world.directory, 'ledgerd.toml');
    writeFileSync(ground.config, 'log-level = "info"\n', {mode: 0o600});
    ground.records = 3000000;
    return ground;
  }

  // A dead letter whose currency is misspelt, in the words of the pages.
  async letter() {
    const record = ++this.records;
    const file = join(this.world.directory, 'request.jsonl');
    writeFileSync(file, `{"recordId": ${record}, "userId": "alice", "type": "DEPOSIT", "amount": "1", "currency": "EUU"}\n`);
    this.world.verb('submit', '--raw', '--file', file);
    const [item] = await until('the request is parked', 20, () => {
      const {items} = JSON.parse(this.world.verb('dead', 'list', '--record', `${record}`, '--json').stdout);
      return items.length > 0 && items;
    });
    const [group] = JSON.parse(this.world.verb('dead', 'groups', '--json').stdout).items;
    const seq = `${item.seq}`;
    return {
      SEQ: seq, 17: seq, CAUSE: group.cause, '1f3a90c2': group.cause, RECORD_ID: `${record}`, ID: `${record}`, TEXT: 'a test', VERB: 'status',
      FILE: this.config, '/etc/ledgerd/ledgerd.toml': this.config, DIR: this.world.directory,
    };
  }

  async run({where, words}) {
    const names = await this.letter();
    const real = words.map((word) => names[word] ?? word);
    const unknown = real.find((word) => /^[A-Z_]{2,}$/.test(word));
    if (unknown) {
      faults.push(`${where}: the playground has nothing for ${unknown}`);
      return;
    }
    const {code, output} = words.includes('--watch') ? this.watch(real) : this.world.verb(...real);
    if (code !== codeOf(words)) {
      faults.push(`${where}: ledgerd ${words.join(' ')} ended with ${code}, not ${codeOf(words)}: ${output.slice(-1000)}`);
    }
  }

  // What goes on until it is ended, without a complaint.
  watch(words) {
    const {status, signal, stdout, stderr} = spawnSync(binary, words, {
      env: {...this.world.environment, LEDGERD_NATS_URL: this.world.natsUrl}, encoding: 'utf8', timeout: 3000,
    });
    return {code: status ?? (signal === 'SIGTERM' && stderr === '' ? 0 : signal), output: stdout + stderr};
  }
}

// The README's blocks of a terminal, as they stand but for the ports and the password.
async function runReadme(ground) {
  const text = readFileSync(join(root, 'README.md'), 'utf8');
  const blocks = blocksOf(text).filter(({info}) => info === 'console');
  const database = new URL(ground.world.settings.LEDGERD_DATABASE_URL);
  for (const {line, text: block} of blocks) {
    if (block.startsWith('curl ')) {
      const command = block.replaceAll('127.0.0.1:8080', new URL(ground.daemon.url).host);
      const {stdout} = spawnSync('bash', ['-c', command], {encoding: 'utf8', timeout: 60000});
      if (!/"status": ?"SUCCESS"/.test(stdout)) {
        faults.push(`README.md:${line}: curl says ${stdout}`);
      }
      continue;
    }
    const words = /^\$ ledgerd run (.*)\n$/.exec(block)?.[1].split(' ');
    if (!words) {
      faults.push(`README.md:${line}: a block that is not run: ${block}`);
      continue;
    }
    const real = words.map((word) => word.replace('127.0.0.1:4222', new URL(ground.world.natsUrl).host)
      .replace('@127.0.0.1/ledgerd', `@${database.host}${database.pathname}`));
    const daemon = await ground.world.daemonIn({PGPASSWORD: database.password, LEDGERD_DATABASE_URL: ''}, 'readme', ...real);
    await daemon.ready();
    await daemon.stop();
  }
  log(`README.md: ${blocks.length} blocks of a terminal run`);
}

function runDev() {
  const without = spawnSync(join(root, 'dev'), ['run', '--with'], {encoding: 'utf8', timeout: 20000});
  if (without.status === 0 || !/--with needs a program/.test(without.stderr)) {
    faults.push(`./dev run --with says no program, and ends with ${without.status}: ${without.stderr}`);
  }
  const {status, stdout, stderr} = spawnSync(join(root, 'dev'), ['run', '--once', '--with', binary], {encoding: 'utf8', timeout: 200000});
  if (status !== 0) {
    faults.push(`./dev run --once --with ended with ${status}: ${(stdout + stderr).slice(-1500)}`);
  }
  log('./dev run --once --with, for each ./dev run of the pages');
}

async function runOneByOne(commands) {
  const ground = await Playground.open();
  const unique = [...new Map(commands.map((each) => [[each.program, ...each.words].join(' '), each])).values()];
  const left = new Map();
  let count = 0;
  for (const command of unique.filter(({program: which, words}) => which !== 'dev' || words[0] !== 'run')) {
    const reason = reasonNotToRun(command);
    if (reason) {
      left.set(reason, [...(left.get(reason) ?? []), command]);
    } else {
      await ground.run(command);
      ++count;
    }
  }
  log(`${count} commands run one by one`);
  await runReadme(ground);
  await ground.daemon.stop();
  runDev();
  for (const [reason, those] of left) {
    log(`not run, ${reason}:`);
    those.forEach(({where, program: which, words}) => log(`    ${which} ${words.join(' ')} (${where})`));
  }
}

async function run() {
  const all = pages();
  const commands = all.flatMap(shownIn);
  faults.push(...program.devHelpFaults(), ...commands.flatMap((command) => program.faults(command)));
  log(`${commands.length} commands in ${all.length} pages have known verbs and flags, or are named below`);
  if (commands.length < 200) {
    faults.push(`only ${commands.length} commands were found, which is too few to be all`);
  }
  for (const page of all) {
    const blocks = blocksOf(readFileSync(join(root, page), 'utf8'));
    if (blocks.some(({info}) => info === 'sh run')) {
      await runPage(page, blocks);
    }
  }
  await runOneByOne(commands.filter(({page, kind}) => kind !== 'sh run' && !(page === 'README.md' && kind === 'console')));
  return faults;
}

await conclude(run, log);
