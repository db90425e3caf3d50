// Nodes as services of the NATS micro protocol, asked by the official client: node micro.mjs BINARY

import assert from 'node:assert/strict';

import {connect} from 'nats';

import {conclude, until, World} from './world.mjs';

const json = (value) => JSON.stringify(value);

// What `count` nodes answer to a question, which is asked again where one was too slow for it.
async function all(ask, count) {
  let found;
  await until(`${count} nodes answer`, 20, async () => {
    found = [];
    for await (const one of await ask()) {
      found.push(one);
    }
    return found.length >= count;
  });
  return found.sort((a, b) => a.metadata.node.localeCompare(b.metadata.node));
}

const endpoint = (stats, name) => stats.endpoints.find((each) => each.name === name);

await conclude(async () => {
  const world = new World(process.argv[2]);
  for (const [name, role] of [['books', 'ledger'], ['door', 'account']]) {
    await (await world.daemon(name, '--roles', role)).ready();
  }
  const nats = await connect({servers: world.natsUrl});
  const services = nats.services.client({strategy: 'timer', maxWait: 2000});

  const pings = await all(() => services.ping(), 2);
  assert.deepEqual(pings.map((each) => [each.name, each.metadata.node, each.metadata.roles]),
    [['ledgerd', 'books', 'ledger'], ['ledgerd', 'door', 'account']]);
  for (const {type, id, version} of pings) {
    assert.equal(type, 'io.nats.micro.v1.ping_response');
    assert.match(version, /^\d+\.\d+\.\d+$/);
    assert.match(id, /^[0-9a-f]{16}$/);
  }

  const [books, door] = await all(() => services.info('ledgerd'), 2);
  assert.equal(books.type, 'io.nats.micro.v1.info_response');
  const subjects = (info) => info.endpoints.map((each) => `${each.subject} ${each.queue_group}`);
  assert.deepEqual(subjects(door), ['ledgerd.api.submit ledgerd', 'ledgerd.api.record ledgerd']);
  assert.deepEqual(subjects(books),
    ['account', 'history', 'verdicts', 'currencies'].map((each) => `ledgerd.api.${each} ledgerd`));

  const started = Date.now();
  const body = {userId: 'anna', type: 'DEPOSIT', amount: '5', currency: 'KRW'};
  await nats.request('ledgerd.api.submit', json(body), {timeout: 10000});
  for (const recordId of [1, 2, 3]) {
    await nats.request('ledgerd.api.record', json({recordId: 900 + recordId}), {timeout: 10000});
  }
  const [counted] = await all(() => services.stats('ledgerd', pings[1].id), 1);
  const elapsed = (Date.now() - started) * 1e6;
  assert.equal(counted.type, 'io.nats.micro.v1.stats_response');
  assert.equal(counted.metadata.node, 'door');
  assert(Math.abs(Date.now() - Date.parse(counted.started)) < 60000);
  const submit = endpoint(counted, 'submit');
  const record = endpoint(counted, 'record');
  assert.deepEqual([submit.num_requests, submit.num_errors, submit.last_error], [1, 0, '']);
  assert.deepEqual([record.num_requests, record.num_errors, record.last_error], [3, 3, '404:NOT_FOUND']);
  assert(record.processing_time > 0 && record.processing_time < elapsed);
  assert.equal(record.average_processing_time, Math.floor(record.processing_time / 3));
  await assert.rejects(all(() => services.ping('somebody'), 1), {code: '503'});
  await nats.close();
  for (const daemon of world.daemons) {
    await daemon.stop();
  }
  return [];
}, console.log);
