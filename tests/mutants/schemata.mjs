// Mutants as schemata: every planted fault is compiled in beside what it spoils, and an environment variable chooses at
// run time. So one build serves them all. The tree that is built is a copy; the sources carry no mark of it.

import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

import {table} from './table.mjs';

// Not LEDGERD_...: the tests that run the program hide those of the machine from it.
export const variable = 'MUTANT_OF_LEDGERD';

// What catches beside the suites of the test binaries: the whole system from seeds, the first of those that CI runs. It
// goes on after a seed that fails, but one is enough here.
export const programs = new Map([
  ['simulation.seeds', {target: 'ledgerd_simulate', flags: ['--seeds', '1000', '--from', '1', '--for', '180', '--jobs', '1'], red: /^seed \d+ FAILED/m}],
]);
export const countMin = 40;

// What a mutated file begins with. A mutant that is chosen and reached says so once in the file that
// MUTANT_OF_LEDGERD_REACHED names: one that survives unreached is code that no test runs.
export const header = `#pragma once
#include <cstdio>
#include <cstdlib>
#include <cstring>
#pragma GCC diagnostic ignored "-Wmisleading-indentation"
inline bool ledgerd_mutant(const char* name) {
  static const char* const chosen = std::getenv("${variable}");
  if (chosen == nullptr || std::strcmp(chosen, name) != 0)
    return false;
  static const bool said = [name] {
    if (const char* path = std::getenv("${variable}_REACHED"))
      if (std::FILE* file = std::fopen(path, "a")) {
        std::fputs(name, file);
        std::fclose(file);
      }
    return true;
  }();
  return said;
}
`;

const headerName = 'ledgerd_mutant.hpp';
export const headerPath = headerName;

// Any run of blanks in a snippet stands for any other, so that a new line break breaks no mutant.
function pattern(snippet) {
  const words = snippet.trim().split(/\s+/);
  return new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('\\s+'), 'g');
}

const isStatement = (snippet) => /;(\s*\})?$/.test(snippet.trim());
const choice = (name) => `ledgerd_mutant("${name}")`;
const namesItself = ({becomes}) => /\bMUTANT\b/.test(becomes);

// The original with the mutants of it. `becomes` with the word MUTANT in it is the whole and says itself where to choose;
// otherwise it is an expression or statements, as the original is.
function schema(mutants, original) {
  if (namesItself(mutants[0])) {
    return mutants[0].becomes.replace(/\bMUTANT\b/g, choice(mutants[0].name));
  }
  return isStatement(original)
    ? `{ ${mutants.map(({name, becomes}) => `if (${choice(name)}) { ${becomes} } else `).join('')}{ ${original} } }`
    : `(${mutants.map(({name, becomes}) => `${choice(name)} ? (${becomes}) : `).join('')}(${original}))`;
}

// The text with all its mutants in it. Throws, naming the mutant, where a snippet does not stand exactly once, and where
// two overlap that do not spoil the very same text.
export function mutate(text, mutants) {
  const places = [];
  for (const mutant of mutants) {
    const found = [...text.matchAll(pattern(mutant.was))];
    if (found.length !== 1) {
      throw new Error(`mutant ${mutant.name}: its text stands ${found.length} times in ${mutant.file}, not once`);
    }
    const begin = found[0].index;
    const end = begin + found[0][0].length;
    if (/^((if|for|while|return|else)\b|\|\||&&)/.test(mutant.was) && !namesItself(mutant)
        && (!isStatement(mutant.was) || /^(\|\||&&)/.test(mutant.was))) {
      throw new Error(`mutant ${mutant.name}: its text is neither an expression nor whole statements`);
    }
    const same = places.find((each) => each.begin === begin && each.end === end);
    const other = places.find((each) => each !== same && begin < each.end && each.begin < end);
    if (other || (same && [mutant, ...same.mutants].some(namesItself))) {
      throw new Error(`mutants ${mutant.name} and ${(other ?? same).mutants[0].name} overlap in ${mutant.file}`);
    }
    if (same) {
      same.mutants.push(mutant);
    } else {
      places.push({begin, end, mutants: [mutant]});
    }
  }
  let result = text;
  for (const each of places.sort((one, next) => next.begin - one.begin)) {
    result = result.slice(0, each.begin) + schema(each.mutants, result.slice(each.begin, each.end)) + result.slice(each.end);
  }
  return `#include "${headerName}"\n#line 1\n${result}`;
}

export function byFile(mutants) {
  const result = new Map();
  for (const each of mutants) {
    result.set(each.file, [...(result.get(each.file) ?? []), each]);
  }
  return result;
}

// Every mutated file of the tree at `root`, by its path.
export function mutatedFiles(root, mutants = table) {
  const result = new Map([[headerPath, header]]);
  for (const [file, own] of byFile(mutants)) {
    result.set(file, mutate(readFileSync(join(root, file), 'utf8'), own));
  }
  return result;
}

// Everything that catches: the tests of every binary, as `binary.suite`, and the programs.
export function suites(root) {
  const folders = readdirSync(join(root, 'tests'), {withFileTypes: true}).filter((each) => each.isDirectory());
  let text = '';
  for (const {name} of folders) {
    try {
      text += readFileSync(join(root, 'tests', name, 'CMakeLists.txt'), 'utf8');
    } catch {
      // a folder without tests
    }
  }
  const result = new Set(programs.keys());
  for (const [, binary, list] of text.matchAll(/ledgerd_test\((\w+)\s+SUITES\s([^]*?)\s(?:SOURCES|LIBRARIES)\s/g)) {
    list.split(/\s+/).filter(Boolean).forEach((suite) => result.add(`${binary}.${suite}`));
  }
  return result;
}

// One sentence for each thing that is wrong with the table.
export function faults(root, mutants = table) {
  const result = [];
  const names = new Set();
  const known = suites(root);
  for (const {name, fault, file, was, becomes, caught} of mutants) {
    if (!/^[a-z0-9-]+$/.test(name ?? '') || names.has(name)) {
      result.push(`mutant ${name}: not a name of its own`);
    }
    names.add(name);
    if (!fault || !file || !was || becomes === undefined || !caught?.length) {
      result.push(`mutant ${name}: incomplete`);
    } else if (was === becomes) {
      result.push(`mutant ${name}: it changes nothing`);
    }
    for (const test of caught ?? []) {
      if (!known.has(test)) {
        result.push(`mutant ${name}: there is no test ${test}`);
      }
    }
  }
  for (const [file, own] of byFile(mutants)) {
    try {
      mutate(readFileSync(join(root, file), 'utf8'), own);
    } catch (error) {
      result.push(error.message);
    }
  }
  if (mutants.length < countMin) {
    result.push(`${mutants.length} mutants, fewer than ${countMin}`);
  }
  return result;
}

export const isProgram = (url, argv) => url === pathToFileURL(argv[1] ?? '').href;
