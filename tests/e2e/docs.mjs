// Every command that the pages show: node docs.mjs BINARY
//
// A block that is fenced as `sh` holds commands that work: each `ledgerd VERB` in it must exist, with every flag that is
// given, and so must each `./dev VERB`. One fenced as `sh run` is run as well, all of a page in order, by bash, between
// private servers with a daemon at work. A block fenced as `csv NAME` or `jsonl NAME` is a file that they find. What is
// only shown is fenced as `console` or not at all.

import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';

import {blocksOf, commandsOf} from './doc_commands.mjs';
import {conclude, World} from './world.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const binary = process.argv[2];
const faults = [];
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

const pages = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'examples/README.md'].map((name) => join(root, name)),
  ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => join(root, 'docs', name)),
];

const helps = new Map();
function helpOf(words) {
  const key = words.join(' ');
  if (!helps.has(key)) {
    const {status, stdout} = spawnSync(binary, [...words, '--help'], {encoding: 'utf8'});
    helps.set(key, {status, text: stdout, flags: new Set(stdout.match(/--[a-z][a-z-]*/g) ?? [])});
  }
  return helps.get(key);
}

// The verbs of a group of verbs, such as `dead`, by its help.
function verbsOf(words) {
  const [, listed = ''] = helpOf(words).text.split(/^(?:Subcommands|SUBCOMMANDS):$/m);
  return [...listed.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name);
}

function checkLedgerd(words, where) {
  const verb = [];
  while (verb.length < words.length && verbsOf(verb).includes(words[verb.length])) {
    verb.push(words[verb.length]);
  }
  const rest = words.slice(verb.length);
  if (verb.length === 0 && !rest[0]?.startsWith('-')) {
    faults.push(`${where}: there is no verb ${rest[0] ?? '(none)'}`);
    return;
  }
  for (const word of rest.filter((each) => /^--[a-z]/.test(each))) {
    const flag = word.split('=')[0];
    if (!helpOf(verb).flags.has(flag)) {
      faults.push(`${where}: ledgerd ${verb.join(' ')} knows no ${flag}`);
    }
  }
}

const devUsage = execFileSync(join(root, 'dev'), ['help'], {encoding: 'utf8'});
for (const [, verb] of devUsage.matchAll(/^ {2}([a-z]+) /gm)) {
  const {status, stdout, stderr} = spawnSync(join(root, 'dev'), [verb, '--help'], {encoding: 'utf8', timeout: 10000});
  if (status !== 0 || !stdout.startsWith(`usage: ./dev ${verb}`) || stderr !== '') {
    faults.push(`./dev ${verb} --help ends with ${status}: ${stdout}${stderr}`);
  }
}
function checkDev([verb = 'help'], where) {
  if (!new RegExp(`^ {2}${verb}\\b`, 'm').test(devUsage) && verb !== 'help') {
    faults.push(`${where}: there is no ./dev ${verb}`);
  }
}

function checkBlock({text, line}, name) {
  for (const words of commandsOf(text)) {
    const where = `${name}:${line}`;
    if (/(^|\/)ledgerd$/.test(words[0])) {
      checkLedgerd(words.slice(1), where);
    } else if (words[0] === './dev') {
      checkDev(words.slice(1), where);
    }
  }
  return commandsOf(text).filter((words) => /(^|\/)(ledgerd|dev)$/.test(words[0])).length;
}

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

async function run() {
  let commands = 0;
  let blocks = 0;
  for (const page of pages) {
    const name = relative(root, page);
    const all = blocksOf(readFileSync(page, 'utf8'));
    for (const block of all.filter(({info}) => /^sh( run)?$/.test(info))) {
      commands += checkBlock(block, name);
      ++blocks;
    }
    if (all.some(({info}) => info === 'sh run')) {
      await runPage(name, all);
    }
  }
  log(`${commands} commands in ${blocks} blocks of ${pages.length} pages`);
  if (commands < 20) {
    faults.push(`only ${commands} commands were found, which is too few to be all`);
  }
  return faults;
}

await conclude(run, log);
