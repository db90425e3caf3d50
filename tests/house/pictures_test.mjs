import assert from 'node:assert/strict';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {test} from 'node:test';

import {digestName, digestOf, pictureFaults} from './pictures.mjs';

test('pictures of another page than the present one are a fault', () => {
  const root = mkdtempSync(join(tmpdir(), 'ledgerd-pictures.'));
  const files = join(root, 'app/page/files');
  mkdirSync(files, {recursive: true});
  mkdirSync(join(root, 'docs/images'), {recursive: true});
  writeFileSync(join(files, 'page.js'), 'one');
  assert.equal(pictureFaults(root).length, 1, 'nobody has said of what they are');
  const keep = () => writeFileSync(join(root, 'docs/images', digestName), `${digestOf(files)}\n`);
  keep();
  assert.deepEqual(pictureFaults(root), []);
  writeFileSync(join(files, 'page.js'), 'two');
  assert.equal(pictureFaults(root).length, 1);
  keep();
  writeFileSync(join(files, 'more.js'), '');
  assert.equal(pictureFaults(root).length, 1);
  rmSync(root, {recursive: true});
});
