// How the planted faults ended when they were run last (results.json), and the page that is written from it
// (docs/mutants.md). Of a fault whose place was rewritten since, the page says so until it is run again.

import {createHash} from 'node:crypto';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';

import {rooms, table} from './table.mjs';

const kept = new URL('results.json', import.meta.url);
const page = new URL('../../docs/mutants.md', import.meta.url);

export const printOf = ({file, was, becomes}) =>
  createHash('sha256').update([file, was, becomes].map((text) => text.trim().replace(/\s+/g, ' ')).join('\n')).digest('hex').slice(0, 12);

const read = () => (existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : {});

// One line for each fault, in the order of the table.
function write(results) {
  const lines = table.filter(({name}) => results[name]).map(({name}) => `${JSON.stringify(name)}: ${JSON.stringify(results[name])}`);
  writeFileSync(kept, `{\n${lines.join(',\n')}\n}\n`);
}

// Keeps how a fault ended: with each of its tests.
export function keep({name, reached, played}) {
  const results = read();
  results[name] = {
    print: printOf(table.find((each) => each.name === name)), reached,
    played: played.map(({test, how, seconds}) => ({test, how, seconds: Math.round(seconds * 10) / 10})),
  };
  write(results);
}

const byItsTests = (mutant, result) => result !== undefined && result.played.map(({test}) => test).join() === mutant.caught.join();

// One sentence for each fault that one of its tests did not catch when it was run last, and for each result of none.
export function survivors(mutants, results) {
  const sentences = [];
  for (const mutant of mutants.filter((each) => byItsTests(each, results[each.name]))) {
    const {reached, played} = results[mutant.name];
    if (!reached || played.some(({how}) => how === 'passes')) {
      sentences.push(`fault ${mutant.name} was not caught by each of its tests`);
    }
  }
  Object.keys(results).filter((name) => !mutants.some((each) => each.name === name))
    .forEach((name) => sentences.push(`fault ${name} is in results.json and not in the table`));
  return sentences;
}

const seconds = (value) => (value ?? 0).toFixed(1);
const middleOf = (sorted) => sorted[Math.floor(sorted.length / 2)];

function rowOf(mutant, result) {
  const {name, fault, caught} = mutant;
  const head = `| \`${name}\` | ${fault.replaceAll('|', '\\|')} |`;
  if (!byItsTests(mutant, result)) {
    return `${head} not run yet: ${caught.map((test) => `\`${test}\``).join('<br>')} |`;
  }
  const by = result.played.map(({test, how, seconds: took}) => `\`${test}\` ${how === 'fails' ? '' : `${how} `}${seconds(took)} s`);
  const since = result.print === printOf(mutant) ? '' : '; its place was rewritten since';
  return `${head} ${by.join('<br>')}${since} |`;
}

function tests(mutants) {
  const counts = new Map();
  mutants.flatMap((each) => each.caught).forEach((test) => counts.set(test, (counts.get(test) ?? 0) + 1));
  return [...counts].sort(([one, few], [other, many]) => many - few || one.localeCompare(other));
}

export function textOf(byRoom, results) {
  const mutants = byRoom.flatMap((room) => room.faults);
  const run = mutants.filter((each) => byItsTests(each, results[each.name]));
  const left = mutants.length - run.length;
  const quickest = run.map(({name}) => Math.min(...results[name].played.map((each) => each.seconds))).sort((one, other) => one - other);
  const each = tests(mutants);
  const files = new Set(mutants.map(({file}) => file)).size;
  const sections = byRoom.map(({title, faults}) => `### ${title}

| fault | what it does | seen by, and when |
| --- | --- | --- |
${faults.map((one) => rowOf(one, results[one.name])).join('\n')}
`);
  return `# The planted faults, and what catches each

A suite is green when the program is right, and when nobody looks. So faults are planted in the code one by one: most have happened, here or to
others, and each would lose money, stop a node or let somebody in. **${mutants.length} faults in ${files} files; ${left === 0 ? 'each was' : `${run.length} were run, and each of these was`}
caught by every test that it names**, by the quickest after ${seconds(middleOf(quickest))} s (median), ${seconds(quickest.at(-1))} s at most, on two busy cores and without
optimisation.${left === 0 ? '' : ` ${left} have not been run as they stand: the list says which.`}

This page is written by \`./dev mutants --keep\` from the results of the run; no figure in it was typed, and CI checks that it covers exactly the faults
that are in \`tests/mutants/\` (\`house.mutants_page\`). How they are planted and why there are no others:
[decision 40](decisions/0040-mutants-and-failpoints.md).

A test that is named fails on the fault; *crashes* says that an assertion of the program or of the test ended it, *hangs* that it waited in vain for far
longer than without the fault. \`simulation.seeds\` is the whole system from seeds ([decision 37](decisions/0037-simulation.md)): its time is that of the first seed
that is violated, within the first thousand or three minutes.

## The faults

${sections.join('\n')}
## The tests that are relied on

Each of these is the one, or one of those, that sees so many of the faults.

${each.map(([test, count]) => `- \`${test}\`: ${count}`).join('\n')}
`;
}

export function writePage() {
  writeFileSync(page, textOf(rooms, read()));
}

// One sentence for each thing that is wrong with the page.
export function pageFaults() {
  const results = read();
  const sentences = survivors(table, results);
  if (!existsSync(page) || readFileSync(page, 'utf8') !== textOf(rooms, results)) {
    sentences.push('docs/mutants.md is not made of tests/mutants/results.json: node tests/mutants/mutants.mjs page');
  }
  return sentences;
}
