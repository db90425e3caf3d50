// Whether the pictures of the live page in docs/images/ show the page as it is: node pictures.mjs ROOT
//
// tests/e2e/pictures.mjs takes them and keeps a digest of the page's files beside them.

import {createHash} from 'node:crypto';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {argv} from 'node:process';
import {pathToFileURL} from 'node:url';

export const digestName = 'page.sha256';

// Of the names and contents of all files in a folder.
export function digestOf(folder) {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder).sort()) {
    const content = readFileSync(join(folder, name));
    hash.update(`${name} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
}

// One sentence for what is wrong; nothing: they show the page as it is.
export function pictureFaults(root) {
  const kept = join(root, 'docs/images', digestName);
  const before = existsSync(kept) ? readFileSync(kept, 'utf8').trim() : 'none';
  return before === digestOf(join(root, 'app/page/files')) ? []
    : ['app/page/files was changed since docs/images was taken: node tests/e2e/pictures.mjs BINARY docs/images, and look at them'];
}

if (import.meta.url === pathToFileURL(argv[1]).href) {
  const faults = pictureFaults(argv[2]);
  faults.forEach((fault) => console.log(fault));
  process.exitCode = faults.length > 0 ? 1 : 0;
}
