// The commands that the pages show, and whether the program and `./dev` have their verbs and flags.

import {execFileSync, spawnSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

import {blocksOf, commandsOf, spansOf, typedIn} from './doc_commands.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

// All pages but the changelog, which tells of what was.
export function pages() {
  const under = (folder) => readdirSync(join(root, folder), {withFileTypes: true}).flatMap((each) => {
    const path = `${folder}/${each.name}`;
    return each.isDirectory() ? under(path) : path;
  });
  const top = readdirSync(root).filter((name) => name !== 'CHANGELOG.md');
  const rooms = ['actors', 'app', 'domain', 'messaging', 'persistence', 'examples'].map((room) => `${room}/README.md`);
  return [...top, ...rooms, ...under('docs'), ...under('deploy')].filter((name) => name.endsWith('.md')).sort();
}

// The command of ours in a list of words, which another program may be asked to run, or null.
function ours(words) {
  const inside = words.lastIndexOf('--');
  const own = inside >= 0 && words[inside + 1] === 'ledgerd' ? words.slice(inside + 1) : words;
  return /(^|\/)(ledgerd|dev)$/.test(own[0]) && own.length > 1 ? [own[0].split('/').at(-1), ...own.slice(1)] : null;
}

// {where, page, kind: 'sh run' | 'sh' | 'console' | 'span', program: 'ledgerd' | 'dev', words}
export function shownIn(page) {
  const text = readFileSync(join(root, page), 'utf8');
  const found = [];
  const add = (line, kind, script) => {
    for (const words of commandsOf(script).map(ours).filter(Boolean)) {
      found.push({where: `${page}:${line}`, page, kind, program: words[0], words: words.slice(1)});
    }
  };
  for (const {line, info, text: block} of blocksOf(text)) {
    if (/^sh( run)?$/.test(info)) {
      add(line, info, block);
    } else if (info === 'console' || info === '') {
      add(line, 'console', typedIn(block));
    }
  }
  for (const {line, text: span} of spansOf(text).filter((each) => /^([$#] )?(\S*\/)?(ledgerd|dev) |-- ledgerd /.test(each.text))) {
    add(line, 'span', typedIn(span));
  }
  return found;
}

export class Program {
  constructor(binary) {
    this.binary = binary;
    this.helps = new Map();
    this.devUsage = execFileSync(join(root, 'dev'), ['help'], {encoding: 'utf8'});
  }

  // Whether each verb of `./dev` explains itself, as sentences of those that do not.
  devHelpFaults() {
    return [...this.devUsage.matchAll(/^ {2}([a-z]+) /gm)].flatMap(([, verb]) => {
      const {status, stdout, stderr} = spawnSync(join(root, 'dev'), [verb, '--help'], {encoding: 'utf8', timeout: 10000});
      const right = status === 0 && stdout.startsWith(`usage: ./dev ${verb}`) && stderr === '';
      return right ? [] : [`./dev ${verb} --help ends with ${status}: ${stdout}${stderr}`];
    });
  }

  help(verb) {
    const key = verb.join(' ');
    if (!this.helps.has(key)) {
      const {stdout} = spawnSync(this.binary, [...verb, '--help'], {encoding: 'utf8'});
      const [, listed = ''] = stdout.split(/^(?:Subcommands|SUBCOMMANDS):$/m);
      this.helps.set(key, {
        verbs: [...listed.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name),
        flags: new Set(stdout.match(/--[a-z][a-z-]*/g) ?? []),
        valued: new Set([...stdout.matchAll(/^ {2}(--[a-z-]+) \S/gm)].map(([, flag]) => flag)),
      });
    }
    return this.helps.get(key);
  }

  // {verb, rest}; VERB stands for any verb.
  parts(words) {
    if (words[0] === 'VERB') {
      return this.parts(['status', ...words.slice(1)]);
    }
    const verb = [];
    while (verb.length < words.length && this.help(verb).verbs.includes(words[verb.length])) {
      verb.push(words[verb.length]);
    }
    return {verb, rest: words.slice(verb.length)};
  }

  // What is wrong with a command, as sentences.
  faults({where, program, words}) {
    if (program === 'dev') {
      return ['help', 'VERB'].includes(words[0]) || new RegExp(`^ {2}${words[0]}\\b`, 'm').test(this.devUsage) ? []
        : [`${where}: there is no ./dev ${words[0]}`];
    }
    const {verb, rest} = this.parts(words);
    if (verb.length === 0 && !rest[0]?.startsWith('-')) {
      return [`${where}: there is no verb ${rest[0] ?? '(none)'}`];
    }
    const {verbs, flags} = this.help(verb);
    if (verb.length > 0 && verbs.length > 0 && rest.length > 0 && !rest[0].startsWith('-')) {
      return [`${where}: there is no verb ${verb.join(' ')} ${rest[0]}`];
    }
    return rest.filter((word) => /^--[a-z]/.test(word)).map((word) => word.split('=')[0]).filter((flag) => !flags.has(flag))
      .map((flag) => `${where}: ledgerd ${verb.join(' ')} knows no ${flag}`);
  }
}
