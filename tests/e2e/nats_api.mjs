// Runs every example of docs/nats-api.md against a daemon: node nats_api.mjs BINARY

import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';

import {connect, headers as natsHeaders} from 'nats';

import {conclude, World} from './world.mjs';

const text = readFileSync(new URL('../../docs/nats-api.md', import.meta.url), 'utf8');

// Subject, headers, question, the status and code of a problem, and the answer.
function parse(example) {
  const [asked, answered] = example.split('\n=>');
  const [subject, ...rest] = asked.split('\n');
  const [status, ...answer] = answered.split('\n');
  const question = rest.pop();
  return {subject, headers: rest.map((line) => line.split(': ')), question, problem: status.trim(), answer: answer.join('')};
}

// The answer with everything that the example leaves open as `*`.
function opened(got, wanted) {
  if (wanted === '*') {
    return got === undefined ? undefined : '*';
  }
  if (Array.isArray(wanted) && Array.isArray(got)) {
    return got.map((item, i) => opened(item, wanted[i]));
  }
  if (wanted && got && typeof wanted === 'object' && typeof got === 'object') {
    return Object.fromEntries(Object.entries(got).map(([key, value]) => [key, opened(value, wanted[key])]));
  }
  return got;
}

async function tryOut(nats, {subject, headers, question, problem, answer}) {
  const given = natsHeaders();
  headers.forEach(([name, value]) => given.set(name, value));
  const got = await nats.request(subject, question, {timeout: 20000, headers: given});
  const said = `${got.headers?.get('Nats-Service-Error-Code') ?? ''} ${got.headers?.get('Nats-Service-Error') ?? ''}`;
  assert.equal(said.trim(), problem);
  const wanted = JSON.parse(answer);
  assert.deepEqual(opened(JSON.parse(got.string()), wanted), wanted);
}

await conclude(async () => {
  const world = new World(process.argv[2]);
  const daemon = await world.daemon('examples', '--roles', 'ledger,account');
  await daemon.ready();
  const nats = await connect({servers: world.natsUrl});
  const examples = [...text.matchAll(/```nats\n([^]*?)\n```/g)].map(([, example]) => parse(example));
  assert.equal(examples.length, text.match(/^ledgerd\.api\.\w+$/gm).length);
  const faults = [];
  for (const example of examples) {
    await tryOut(nats, example).catch((error) => faults.push(`${example.subject} ${example.question}: ${error.message}`));
  }
  await nats.close();
  await daemon.stop();
  return faults;
}, console.log);
