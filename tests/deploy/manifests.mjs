// Reads YAML of this repository: every file's documents, with the place of each.

import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';

import {parseAllDocuments} from 'yaml';

export const root = new URL('../../', import.meta.url).pathname;

export const read = (path) => readFileSync(join(root, path), 'utf8');

// The documents of a file, as plain values. Throws what the parser finds, warnings too.
export function documents(path) {
  return parseAllDocuments(read(path)).map((document) => {
    const [fault] = [...document.errors, ...document.warnings];
    if (fault) {
      throw new Error(`${path}: ${fault.message}`);
    }
    return document.toJS();
  });
}

export const yamlFiles = (folder) =>
  readdirSync(join(root, folder)).filter((name) => name.endsWith('.yaml')).map((name) => `${folder}/${name}`);
