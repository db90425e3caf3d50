// One of three nodes audits for all; when it dies another one goes on, and finds what was damaged before it took over.
// Usage: node cluster_audit.mjs BINARY

import assert from 'node:assert/strict';
import {argv} from 'node:process';

import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const [, , binary] = argv;
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

// {on_duty, rows_total, ...}, without what the node does not tell.
async function told(node) {
  const {body} = await node.get('/metrics');
  return Object.fromEntries([...body.matchAll(/^ledgerd_audit_(\w+) (\d+)$/gm)].map(([, name, value]) => [name, Number(value)]));
}

const shownAudit = async (node) => JSON.parse((await node.get('/v1/overview')).body).audit;

const deposits = (first, count) => Array.from({length: count}, (_, i) => ({
  subject: 'transaction.deposit',
  payload: JSON.stringify({recordId: first + i, userId: `user-${i}`, amount: 1, currency: 'KRW'}),
}));

async function restsAndKnowsNothing(node) {
  assert.deepEqual(await told(node), {on_duty: 0}, `${node.name} is not on duty`);
  assert.deepEqual(await shownAudit(node), {onDuty: false, findings: null, ageSeconds: null, behindSeconds: null, rows: null});
}

async function run() {
  const world = new World(binary);
  const nodes = [];
  for (const name of ['ann', 'bea', 'cid']) { // while all are young the first by name is on duty
    const node = await world.daemon(name, '--roles', 'ledger', '--audit-interval', '500ms', '--shutdown-deadline', '2s');
    await node.ready();
    nodes.push(node);
  }
  const [first, second, third] = nodes;
  await until('all share the work', 20, async () => (await Promise.all(nodes.map((node) => node.get('/metrics'))))
    .every(({body}) => /^ledgerd_cluster_nodes 3$/m.test(body)));
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.publish(deposits(1, 300));
  await until(`${first.name} has looked at everything`, 90, async () => {
    const {results_total: results, rows_total: rows} = await told(first);
    return results === 300 && rows === 300;
  });
  const {on_duty: duty, findings, age_seconds: age, behind_seconds: behind} = await told(first);
  assert.deepEqual([duty, findings], [1, 0]);
  assert.ok(age < 10 && behind < 60, `it looked ${age} s ago and is behind by ${behind} s`);
  assert.equal((await shownAudit(first)).onDuty, true);
  await restsAndKnowsNothing(second);
  await restsAndKnowsNothing(third);
  log(`${first.name} audits for all`);

  // These rows are too young to be looked at when the first one dies.
  await traffic.publish(deposits(1001, 100));
  await until('they are decided', 30, () => world.query('SELECT count(*) FROM ledger.transactions')[0][0] === '400');
  await first.kill();
  world.query('ALTER TABLE ledger.transactions DISABLE TRIGGER append_only; '
    + 'UPDATE ledger.transactions SET balance_after = balance_after + 1 WHERE record_id = 1050; '
    + 'ALTER TABLE ledger.transactions ENABLE TRIGGER append_only');
  await traffic.publish([{subject: 'transaction.result.deposit', payload: '{"recordId":404404,"status":"SUCCESS"}'}]);
  await until(`${second.name} takes over`, 20, async () => (await told(second)).on_duty === 1);
  log(`${second.name} takes over`);
  // It reads rows and results part by part, and its log comes after its numbers.
  let after;
  await until('it finds what was damaged', 90, async () => { // rows rest for half a minute
    after = await told(second);
    return after.rows_total >= 400 && after.results_total >= 401 && after.findings >= 3;
  }).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(after)}`); });
  const words = () => [...second.log.matchAll(/audit: (\w+): /g)].map(([, kind]) => kind).sort();
  await until('it says what was damaged', 20, () => words().length >= 3).catch(() => {});
  assert.deepEqual(words(), ['result_differs', 'result_without_posting', 'wrong_balance']);
  assert.deepEqual([after.rows_total, after.results_total, after.findings], [400, 401, 3]);
  await restsAndKnowsNothing(third);
  log('and finds what was damaged, and nothing else');
  await traffic.close();
  await second.stop();
  await third.stop();
  return [];
}

await conclude(run, log);
