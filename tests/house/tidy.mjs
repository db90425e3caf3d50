// The house rules a compiler does not check. `tidy(root)` returns one sentence for each breach.
// Run as a program it checks the tree it is given: node tidy.mjs ROOT

import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {basename, dirname, extname, join, relative} from 'node:path';
import {argv} from 'node:process';
import {pathToFileURL} from 'node:url';

const fileLinesMax = 500;
const functionLinesMax = {rooms: 70, tests: 120}; // tests are tables
const skipped = new Set(['.git', '.dev', 'build', 'node_modules']);
const codeFile = /\.(cpp|hpp|mjs|sh|sql|cmake)$|^dev$|^CMakeLists\.txt$/;

const outer = ['messaging', 'persistence', 'domain'];
const actors = ['actors/common', 'actors/cluster', 'actors/ledger', 'actors/submissions'];
// What actors see of the outside: ports, and what messages mean; neither the broker nor PostgreSQL.
const doors = ['ports', 'codec', 'submission_codec', 'cluster_ports', 'cluster_answer', 'cluster_codec', 'link_codec', 'names', 'record_look', 'service_codec', 'shadow_comparison', 'shadow_ports'].map((name) => `messaging/${name}.hpp`);
const ports = ['ledger_store', 'ledger_reader', 'record_store'].map((name) => `persistence/${name}.hpp`);

// The rooms, and the wings inside them: what each may include of ours, as a list of folders; third-party headers
// anywhere; third-party headers in .cpp files only. The headers at a room's top are its door; a subfolder is private to
// its room. A folder in the list stands for the headers that lie in it, not below it.
const wings = {
  'domain': {ours: []},
  'messaging': {ours: ['domain']},
  'messaging/wire': {ours: ['messaging', 'domain'], inSources: /^(nlohmann|google\/protobuf)\//},
  'messaging/nats': {ours: ['messaging', 'messaging/wire', 'domain'], inSources: /^(nats|nlohmann)\//},
  'persistence': {ours: ['domain']},
  'persistence/postgres': {ours: ['persistence', 'domain'], inSources: /^pqxx\/|^libpq-fe\.h$/},
  'actors/common': {
    ours: ['domain', 'messaging/ports.hpp', 'messaging/codec.hpp', ...ports], anywhere: /^caf\/|^spdlog\/fmt\/fmt\.h$/, inSources: /^spdlog\//,
  },
  'actors/cluster': {ours: ['actors/common', 'domain', ...doors], anywhere: /^caf\//},
  'actors/ledger': {ours: ['actors/common', 'actors/cluster', 'domain', ...doors, ...ports], anywhere: /^caf\//},
  'actors/submissions': {ours: ['actors/common', 'actors/cluster', 'domain', ...doors, ...ports], anywhere: /^caf\//},
  'app': {ours: ['app/base', 'app/verbs'], anywhere: /./},
  'app/base': {ours: ['domain'], anywhere: /./},
  'app/config': {ours: ['app/base', ...outer], anywhere: /./},
  'app/http': {
    ours: ['app/config/bearer_tokens.hpp', 'app/config/http_settings.hpp', 'app/config/secret_file.hpp', 'app/base', 'actors/common/log.hpp', 'domain'], anywhere: /./,
  },
  'app/api': {ours: ['app/http', 'app/base', ...actors, ...outer], anywhere: /./},
  'app/operations': {ours: ['app/http', 'app/trace', 'app/base', ...actors, ...outer], anywhere: /./},
  'app/page': {ours: ['app/operations', 'app/http', 'app/base', ...actors, ...outer], anywhere: /./},
  'app/repair': {ours: ['app/operations/work_desk.hpp', 'app/http', 'app/base', ...outer], anywhere: /./},
  'app/daemon': {
    ours: ['app/api', 'app/page', 'app/repair', 'app/operations', 'app/audit', 'app/http', 'app/config', 'app/base', ...actors, ...outer], anywhere: /./,
  },
  'app/trace': {ours: ['app/base', ...outer], anywhere: /./},
  'app/audit': {ours: ['app/base', ...outer], anywhere: /./},
  'app/import': {ours: ['app/base', ...outer], anywhere: /./},
  'app/shadow': {ours: ['app/base', ...outer], anywhere: /./},
  'app/bench': {ours: ['app/config/engine_settings.hpp', 'app/base', ...outer], anywhere: /./},
  'app/verbs': {
    ours: ['app/daemon', 'app/repair', 'app/operations', 'app/audit', 'app/trace', 'app/bench', 'app/import', 'app/shadow', 'app/http/certificate.hpp', 'app/http/target.hpp',
      'app/config', 'app/base', ...outer],
    anywhere: /./,
  },
};
const rooms = new Set(Object.keys(wings).map((path) => path.split('/')[0]));

// Headers of the operating system, for the rooms that talk to the outside.
const systemHeader = /^((arpa|net|netinet|sys)\/\w+|errno|fcntl|netdb|poll|signal|time|unistd)\.h$/;
const outsideRooms = new Set(['messaging', 'persistence', 'app']);

const floatingPoint = /\b(float|double)\b/;
const exactRooms = new Set(['domain', 'messaging', 'persistence']);

const debugOutput = /\bstd::(cout|cerr|clog)\b|\b(printf|fprintf|puts|fputs|putchar)\s*\(/;
const mayPrint = new Set(['domain/assert.hpp']); // a failed assertion has nowhere else to go

// JetStream may be asked elsewhere than here, so one function makes its subjects.
const apiSubject = /"\$JS\.API/;
const makesApiSubjects = 'messaging/nats/js_api.cpp';

// What came after Node.js 18, the one of Debian 12, and the global `crypto`, which that one has behind a flag.
const laterThanNode18 = new RegExp([
  '(?<![.\\w])crypto\\.', '\\bPromise\\.(withResolvers|try)\\b', '\\bimport\\.meta\\.(dirname|filename)\\b',
  '\\.(toSorted|toReversed|toSpliced|isWellFormed|union|intersection)\\(', '\\b(Object|Map)\\.groupBy\\b',
  '\\bArray\\.fromAsync\\b', '\\bSymbol\\.(asyncDispose|dispose)\\b', '\\bnew (WebSocket|CustomEvent|File|Navigator)\\b',
  '\\bnavigator\\.', '\\bAbortSignal\\.any\\b', '\\bprocess\\.(loadEnvFile|getBuiltinModule)\\b', "'node:sqlite'",
].join('|'));

// The one way into the log, what it can say, and the page about that.
const logWriter = 'actors/common/log.cpp';
const logTable = 'actors/common/log_event.hpp';
const logPage = 'docs/log-events.md';

const openEnd = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK'].join('|')})\\b`);

function* files(root, folder = root, wanted = codeFile) {
  for (const item of readdirSync(folder, {withFileTypes: true})) {
    if (item.isDirectory() && !skipped.has(item.name)) {
      yield* files(root, join(folder, item.name), wanted);
    } else if (item.isFile() && wanted.test(item.name)) {
      yield relative(root, join(folder, item.name));
    }
  }
}

// The text with comments, strings and character literals blanked, line breaks kept.
function bareCode(text) {
  const tokens = /\/\/[^\n]*|\/\*[^]*?\*\/|R"(\w*)\([^]*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])+'/g;
  return text.replace(tokens, (token) => token.replace(/[^\n]/g, ' '));
}

// A source outside every wing has no rules, so there is none.
function checkIncludes(path, text, report) {
  const folder = dirname(path);
  const wing = wings[folder];
  if (!wing) {
    return report(0, `${folder} is no wing of the house`);
  }
  const mayInclude = (header) => [folder, ...wing.ours].some((each) => each === header || each === dirname(header));
  text.split('\n').forEach((line, index) => {
    const header = /^\s*#\s*include\s*[<"]([^>"]+)[>"]/.exec(line)?.[1];
    if (!header) {
      return;
    }
    const ours = rooms.has(header.split('/')[0]);
    const standard = /^\w+$/.test(header);
    const allowed = ours ? mayInclude(header) : standard || wing.anywhere?.test(header)
      || (path.endsWith('.cpp') && wing.inSources?.test(header))
      || (outsideRooms.has(path.split('/')[0]) && systemHeader.test(header));
    if (!allowed || header.startsWith('tests/')) {
      report(index, `${folder} must not include ${header} here`);
    }
  });
}

// The first line of the statement that goes on in line `index`.
function headOf(lines, index) {
  while (index > 0 && !/[;{}:]\s*$|^\s*$|^#/.test(lines[index - 1])) {
    --index;
  }
  return lines[index];
}

// clang-format puts the brace that ends a function at the indent of its head, so indents tell its length.
function checkFunctions(code, linesMax, report) {
  const lines = code.split('\n');
  const noFunction = /^\s*(namespace|class|struct|enum|union|extern|if|for|while|switch|else|do|try|catch|\})\b/;
  lines.forEach((line, index) => {
    if (!/\)[^;]*\{\s*$/.test(line)) {
      return;
    }
    const head = headOf(lines, index);
    const closing = new RegExp(`^ {0,${/^ */.exec(head)[0].length}}\\}`);
    const end = lines.findIndex((other, at) => at > index && closing.test(other));
    const length = end - index - 1;
    if (length > linesMax && !noFunction.test(head)) {
      report(index, `a function of ${length} lines, more than ${linesMax}`);
    }
  });
}

function checkPattern(text, pattern, complaint, report) {
  text.split('\n').forEach((line, index) => {
    const found = pattern.exec(line);
    if (found) {
      report(index, `${complaint}: ${found[0]}`);
    }
  });
}

// The only places that construct actors: the two roots and who starts them, the region (its ledgers), the door of
// the API over NATS, and a question from outside, which has an actor of its own.
const mayConstruct = new Set(['actors/ledger/root.cpp', 'actors/ledger/region.cpp', 'actors/submissions/root.cpp',
  'app/daemon/actor_world.cpp', 'app/api/nats_routes.cpp', 'actors/common/ask.hpp']);

// An actor whose exceptions end it alone leaves work undone that nobody notices.
function checkSpawns(path, code, report) {
  for (const spawn of code.matchAll(/(?:->|\.)spawn(?:<[\w:,\s]*>)?\((\s*guarded\()?/g)) {
    const line = code.slice(0, spawn.index).split('\n').length - 1;
    if (!spawn[1]) {
      report(line, 'an actor spawned without guarded()');
    }
    if (!mayConstruct.has(path)) {
      report(line, 'actors are constructed in a few places only, and this is none');
    }
  }
}

// What only the configuration knows has no default in an actor's options: they are made whole, or not at all.
function checkOptions(code, report) {
  for (const bare of code.matchAll(/^\s*(?!return\b)\w+_options \w+;/gm)) {
    report(code.slice(0, bare.index).split('\n').length, 'options of an actor without an initialiser');
  }
}

// A source is dead that no CMakeLists.txt names.
function checkListed(path, lists, report) {
  const named = lists.some((list) =>
    list.text.split(/[\s()"]+/).some((word) => word.endsWith('.cpp') && join(list.folder, word) === path));
  if (!named) {
    report(0, 'no CMakeLists.txt names it');
  }
}

// The free functions that a source declares and the types that it defines, each as `namespace::name(types)` or
// `namespace::name`, with its line; not what lies in a namespace without a name.
function* sharedNames(code) {
  const scopes = [];
  let statement = '';
  let began = 0;
  const found = (opens) => {
    const head = statement.replace(/^\s*#.*$/gm, '').replace(/\[\[.*?\]\]/g, '').trim();
    const line = code.slice(0, began).split('\n').length - 1;
    const type = opens ? /(?:^|>\s*)(?:class|struct|union|enum(?:\s+class)?)\s+(\w+)(?:\s+final)?\s*(?::(?!:)[^]*)?$/.exec(head) : null;
    if (scopes.some((scope) => scope === null || scope === '')) {
      return null;
    }
    if (type) {
      return {name: `${scopes.join('::')}::${type[1]}`, line};
    }
    const parts = /^([^=()]*[\w>&*\]]\s+[&*]*|[^=()]*[&*])(\w+)\s*\(([^]*)\)[\s\w]*(->.*)?$/.exec(head);
    const noFunction = /^(class|struct|enum|union|using|typedef|friend|static_assert|extern)\b/;
    if (!parts || noFunction.test(head)) {
      return null;
    }
    const types = parts[3].split(/,(?![^<(]*[>)])/).map((parameter) =>
      parameter.replace(/=.*$/s, '').trim().replace(/^(.*[\w>&*\]]\s+[&*]*|.*[&*])\w+$/s, '$1').replace(/\s+/g, ''));
    return {name: `${scopes.join('::')}::${parts[2]}(${types.join(',')})`, line};
  };
  for (let at = 0; at < code.length; ++at) {
    const char = code[at];
    if (char === '{' || char === ';') {
      const scope = /\bnamespace(?:\s+([\w:]+))?\s*$/.exec(statement);
      const declared = found(char === '{');
      if (declared) {
        yield declared;
      }
      if (char === '{') {
        scopes.push(scope ? scope[1] ?? '' : null);
      }
      statement = '';
    } else if (char === '}') {
      scopes.pop();
      statement = '';
    } else {
      began = statement.trim() === '' ? at : began;
      statement += char;
    }
  }
}

// Two headers that declare one function, or two sources that define one type: with two bodies, the linker takes either for both.
function checkTwins(root, paths, faults) {
  const declared = new Map();
  const linked = new Set([...rooms, 'tests']);
  for (const path of paths.filter((each) => /\.[ch]pp$/.test(each) && linked.has(each.split('/')[0]))) {
    const shared = [...sharedNames(bareCode(readFileSync(join(root, path), 'utf8')))];
    for (const {name, line} of shared.filter((each) => extname(path) === '.hpp' || !each.name.endsWith(')'))) {
      const first = declared.get(name) ?? path;
      declared.set(name, first);
      if (first !== path) {
        faults.push(`${path}:${line + 1}: ${name} is declared in ${first} too`);
      }
    }
  }
}

function checkFile(root, path, lists, faults) {
  const text = readFileSync(join(root, path), 'utf8');
  const report = (index, complaint) => faults.push(`${path}:${index + 1}: ${complaint}`);
  const room = path.split('/')[0];
  const length = text.split('\n').length - 1;
  if (length > fileLinesMax) {
    report(length - 1, `a file of ${length} lines, more than ${fileLinesMax}`);
  }
  checkPattern(text, openEnd, 'unfinished work', report);
  if (extname(path) === '.mjs') {
    checkPattern(bareCode(text), laterThanNode18, 'not in Node.js 18', report);
  }
  if (!['.cpp', '.hpp'].includes(extname(path))) {
    return;
  }
  const code = bareCode(text);
  checkFunctions(code, rooms.has(room) ? functionLinesMax.rooms : functionLinesMax.tests, report);
  if (extname(path) === '.cpp') {
    checkListed(path, lists, report);
  }
  if (/^(tests\/)?actors\/.*\.cpp$|^app\/daemon\/roles\.cpp$/.test(path)) {
    checkOptions(code, report);
  }
  if (!rooms.has(room)) {
    return;
  }
  checkIncludes(path, text, report);
  if (path !== makesApiSubjects) {
    checkPattern(text, apiSubject, `a subject of JetStream's API outside ${makesApiSubjects}`, report);
  }
  if (room !== 'app' && !mayPrint.has(path)) {
    checkPattern(code, debugOutput, 'output outside app', report);
  }
  if (exactRooms.has(room)) {
    checkPattern(code, floatingPoint, 'floating point near money', report);
  }
  if (room === 'actors') {
    checkPattern(code, /\.await\(/, 'waiting for an answer with everything else held up', report);
  }
  if (room === 'actors' || room === 'app') {
    checkSpawns(path, code, report);
  }
  if (path !== logWriter) {
    checkPattern(code, /\bspdlog::(trace|debug|info|warn|error|critical|log)\(/, 'a line of the log without an event', report);
  }
}

// What a kind of movement is called stands in the topology alone, so that a new kind is one line there.
function checkTopology(root, paths, faults) {
  const topology = 'messaging/topology.hpp';
  const kinds = paths.includes(topology)
    ? [...readFileSync(join(root, topology), 'utf8').matchAll(/\{movement::(\w+),/g)].map(([, kind]) => kind) : [];
  if (kinds.length === 0) {
    return;
  }
  const name = new RegExp(`\\b(${kinds.join('|')})\\b(?! )`); // a word of a sentence goes on with a blank
  for (const path of paths.filter((each) => rooms.has(each.split('/')[0]) && /\.[ch]pp$/.test(each) && each !== topology)) {
    readFileSync(join(root, path), 'utf8').replace(/\/\/.*$/gm, '').split('\n').forEach((line, index) => {
      const found = (line.match(/"(?:\\.|[^"\\])*"/g) ?? []).find((text) => name.test(text));
      if (found) {
        faults.push(`${path}:${index + 1}: the name of a movement outside ${topology}: ${found}`);
      }
    });
  }
}

// Every subject, header, dead-letter reason and finding stands in the description of what goes over NATS.
function checkDescribed(root, paths, faults) {
  const page = 'docs/asyncapi.json';
  if (!existsSync(join(root, page))) {
    return;
  }
  const text = readFileSync(join(root, page), 'utf8');
  const {channels} = JSON.parse(text);
  const addresses = Object.values(channels).filter(({address}) => address)
    .map(({address}) => new RegExp(`^${address.replace(/[.$]/g, '\\$&').replace(/\{\w+\}/g, '[^.]+')}$`));
  const described = (word) => text.includes(`"${word}"`) || text.includes(`\`${word}`) || addresses.some((each) => each.test(word))
    || new RegExp(`[ "./}]${word.replace(/[.$>]/g, '\\$&')}[ ",.:;{]`).test(text);
  const words = {
    'messaging/names.hpp': /"([^"]+)"/g,
    'messaging/topology.hpp': /"([a-z.-]+[a-z])"/g,
    'app/audit/findings.cpp': /^ +LEDGERD_NAME\((\w+)\)/gm,
    'messaging/wire/codec.cpp': /case dead_reason::\w+:\s*return "(\w+)"/g,
  };
  for (const path of paths.filter((each) => rooms.has(each.split('/')[0]) && /\.[ch]pp$/.test(each))) {
    const code = readFileSync(join(root, path), 'utf8').replace(/^#include.*|\/\/.*$/gm, '');
    const found = [...(words[path] ? code.matchAll(words[path]) : []), ...code.matchAll(/"(Ledgerd-\w[\w-]*)"/g)];
    for (const [, word] of found.filter(([, each]) => !described(each))) {
      faults.push(`${path}:1: ${page} does not describe ${word}`);
    }
  }
}

// Every event of the log has its row in the page about them, every row its event, and somebody says it.
function checkEvents(root, paths, faults) {
  if (!paths.includes(logTable)) {
    return;
  }
  const events = [...readFileSync(join(root, logTable), 'utf8').matchAll(/^ +\{(\w+), "(\w+)", (\w+), /gm)];
  const page = existsSync(join(root, logPage)) ? readFileSync(join(root, logPage), 'utf8') : '';
  const said = paths.filter((path) => rooms.has(path.split('/')[0]) && path.endsWith('.cpp'))
    .map((path) => readFileSync(join(root, path), 'utf8')).join('');
  for (const [, event, code, level] of events) {
    if (event !== code) {
      faults.push(`${logTable}:1: the event ${event} has another code: ${code}`);
    }
    if (!page.includes(`\n| \`${code}\` | ${level} |`)) {
      faults.push(`${logTable}:1: ${logPage} does not explain ${code} as ${level}`);
    }
    if (!new RegExp(`\\blog_event::${event}\\b`).test(said)) {
      faults.push(`${logTable}:1: nobody says ${event}`);
    }
  }
  for (const [, code] of page.matchAll(/^\| `(\w+)` \| (?:debug|info|warn|error) \|/gm)) {
    if (!events.some((event) => event[2] === code)) {
      faults.push(`${logPage}:1: there is no event ${code}`);
    }
  }
}

// Every finding of the audit and every reason of a dead letter has its row in the page about them.
function checkExplained(root, paths, faults) {
  const page = 'docs/dead-letters-and-findings.md';
  const words = {
    'app/audit/findings.cpp': /^ +LEDGERD_NAME\((\w+)\)/gm,
    'messaging/wire/codec.cpp': /case dead_reason::\w+:\s*return "(\w+)"/g,
  };
  for (const [source, pattern] of Object.entries(words).filter(([path]) => paths.includes(path))) {
    const text = existsSync(join(root, page)) ? readFileSync(join(root, page), 'utf8') : '';
    for (const [, word] of readFileSync(join(root, source), 'utf8').matchAll(pattern)) {
      if (!text.includes(`\n| \`${word}\` |`)) {
        faults.push(`${source}:1: ${page} does not explain ${word}`);
      }
    }
  }
}

// A page must not point to what is not there.
function checkLinks(root, faults) {
  for (const path of files(root, root, /\.md$/)) {
    const text = readFileSync(join(root, path), 'utf8');
    for (const [, target] of text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)) {
      if (!existsSync(join(root, dirname(path), target))) {
        faults.push(`${path}:1: there is no ${target}`);
      }
    }
  }
}

export function tidy(root) {
  const faults = [];
  const paths = [...files(root)];
  const lists = paths.filter((path) => basename(path) === 'CMakeLists.txt')
    .map((path) => ({folder: dirname(path), text: readFileSync(join(root, path), 'utf8')}));
  for (const path of paths) {
    checkFile(root, path, lists, faults);
  }
  checkTwins(root, paths, faults);
  checkLinks(root, faults);
  checkTopology(root, paths, faults);
  checkExplained(root, paths, faults);
  checkDescribed(root, paths, faults);
  checkEvents(root, paths, faults);
  if (paths.length === 0) {
    faults.push(`${root}: there is nothing to check`);
  }
  return {count: paths.length, faults};
}

if (import.meta.url === pathToFileURL(argv[1]).href) {
  const {count, faults} = tidy(argv[2]);
  faults.forEach((fault) => console.log(fault));
  console.log(`${count} files, ${faults.length} breaches`);
  process.exit(faults.length === 0 ? 0 : 1);
}
