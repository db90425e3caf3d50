// The figures that `./dev test` shows at its end are taken out of ctest's log: those of each kind of test, and nothing else.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import test from 'node:test';
import {fileURLToPath} from 'node:url';

const program = fileURLToPath(new URL('../support/figures.awk', import.meta.url));
const figures = (log) => execFileSync('awk', ['-f', program], {input: log, encoding: 'utf8'}).split('\n').filter(Boolean);
const of = (name, output, n = 1) => `${n}/9 Testing: ${name}\n${n}/9 Test: ${name}\nCommand: "x"\nOutput:\n${'-'.repeat(58)}\n${output}\n<end of output>\n`
  + `Test time =   1.00 sec\n${'-'.repeat(58)}\nTest Passed.\n`;

test('each kind of test has its figures, with its name before them', () => {
  const log = of('simulation.seeds', 'seeds 1 to 10000 of abc1234-changed\n        12  node killed\n10000 seeds, 0 failed, 400.0 s; 9 s simulated')
    + of('e2e.chaos_disk', '3 cells, seed 5\n   0.1 s  SKIPPED disk.nats.1: no file system can be mounted here\nok     disk.x: 1 records\n2 cells hold, 0 do not, 1 skipped', 2)
    + of('model.two', 'model two: 832757 states, 0 errors, 2.1 seconds\npan:1: x', 3)
    + of('coverage.branches', 'branches, both ways\n  domain/plan.cpp                    100.0 %  (88 of 88)', 4);
  assert.deepEqual(figures(log), [
    'simulation.seeds: seeds 1 to 10000 of abc1234-changed',
    'simulation.seeds: 10000 seeds, 0 failed, 400.0 s; 9 s simulated',
    'e2e.chaos_disk: 3 cells, seed 5',
    'e2e.chaos_disk:    0.1 s  SKIPPED disk.nats.1: no file system can be mounted here',
    'e2e.chaos_disk: 2 cells hold, 0 do not, 1 skipped',
    'model.two: model two: 832757 states, 0 errors, 2.1 seconds',
    'coverage.branches: branches, both ways',
    'coverage.branches:   domain/plan.cpp                    100.0 %  (88 of 88)',
  ]);
});

test('the same words of another test are none, nor is what stands between two tests', () => {
  assert.deepEqual(figures(`${of('e2e.api', '5 cells hold, 0 do not\nmodel two: 1 states\n1 seeds, 0 failed')}model x: 1 states\n`), []);
});

test('a log without tests has none', () => {
  assert.deepEqual(figures(''), []);
});
