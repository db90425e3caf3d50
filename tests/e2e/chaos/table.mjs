// Writes the table in docs/guarantees.md from the kept results. Usage: node table.mjs [--check]
//   --check: writes nothing; exit code 1 when the page says anything else than the results, when one of these does not hold or
//            is beyond its goal, and when one is of no cell of cells.mjs, or of a cell that was another fault then.

import {readFileSync, writeFileSync} from 'node:fs';
import {argv, exit} from 'node:process';

import {cells} from './cells.mjs';
import {table, wrongIn} from './results.mjs';

const page = new URL('../../../docs/guarantees.md', import.meta.url);
const kept = new URL('../../../docs/chaos/results.json', import.meta.url);
const [begin, end] = ['<!-- chaos: begin -->\n', '<!-- chaos: end -->'];

const text = readFileSync(page, 'utf8');
const results = JSON.parse(readFileSync(kept, 'utf8'));
const at = text.indexOf(begin) + begin.length;
const fresh = text.slice(0, at) + table(results, cells) + text.slice(text.indexOf(end));
if (argv.includes('--check')) {
  const wrong = wrongIn(results, cells);
  wrong.forEach((each) => console.log(each));
  console.log(fresh === text ? 'the page says what the results say' : 'docs/guarantees.md is not made of docs/chaos/results.json: ./dev chaos --table');
  exit(fresh === text && wrong.length === 0 ? 0 : 1);
}
writeFileSync(page, fresh);
