// Of three nats-servers one dies that alone keeps the consumer of the deposits and two streams: withdrawals go on, also through
// a node that is started meanwhile, `/readyz`, `ledgerd status` and `ledgerd check` name what is silent and say the rest, and all is
// decided once it is back. Usage: node silent.mjs BINARY        (NATS_SERVER=/path/to/nats-server, 2.10 or later)

import {setTimeout as sleep} from 'node:timers/promises';

import {Brokers, replicate} from './brokers.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const [binary] = process.argv.slice(2);
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const stream = 'TRANSACTIONS';
const silent = 'deposit-consumer';
const beside = ['TRANSACTION_EXHAUSTED', 'TRANSACTION_ACTIONS'];
const faults = [];

function holds(what, condition) {
  if (!condition) {
    faults.push(what);
  }
}

const request = (type, recordId) => ({
  subject: `transaction.${type}`,
  payload: new TextEncoder().encode(JSON.stringify({recordId, userId: `user-${recordId % 7}`, amount: '1', currency: 'KRW'})),
});
const requests = (type, from, count) => Array.from({length: count}, (_, i) => request(type, from + i));

const nothing = () => ({}); // nobody leads it for a moment
const isOther = (name) => /^broker[12]$/.test(name);

// Has another broker lead what `look` looks at until it is one of `wanted`; returns which.
async function lead({connection}, what, look, isWanted) {
  let leader;
  await until(`another broker leads ${what}`, 60, async () => {
    await connection.request(`$JS.API.${what}`, '', {timeout: 5000}).catch(nothing);
    await sleep(1000);
    ({leader} = await look());
    return isWanted(leader);
  });
  return leader;
}

// Leaves the consumer, and the streams without which money moves, with one of the other brokers alone; returns that broker.
async function keepByOne(brokers, traffic) {
  const {manager} = traffic;
  const consumer = () => manager.consumers.info(stream, silent).then(({cluster}) => cluster, nothing);
  const keeper = await lead(traffic, `CONSUMER.LEADER.STEPDOWN.${stream}.${silent}`, consumer, isOther);
  await manager.consumers.update(stream, silent, {num_replicas: 1});
  const looks = [consumer];
  for (const name of beside) {
    const look = () => manager.streams.info(name).then(({cluster}) => cluster, nothing);
    await lead(traffic, `STREAM.LEADER.STEPDOWN.${name}`, look, (leader) => leader === keeper);
    const {config} = await manager.streams.info(name);
    await manager.streams.update(name, {...config, num_replicas: 1});
    looks.push(look);
  }
  for (const look of looks) {
    await until(`${keeper} alone keeps it`, 30, async () => {
      await sleep(200);
      const {leader, replicas} = await look();
      return leader === keeper && !replicas?.length;
    });
  }
  return brokers.others[Number(keeper.slice(-1)) - 1];
}

// Until so many have a verdict.
async function decided(world, type, count, seconds) {
  const read = () => Number(world.query(`SELECT count(*) FROM ledger.transactions WHERE type = '${type.toUpperCase()}'`)[0][0]);
  await until(`${count} of ${type} are decided`, seconds, () => read() >= count)
    .catch((error) => faults.push(`${error.message}; there are ${read()}`));
}

// While nobody answers for the consumer of the deposits; returns what is said.
async function namesIt(world, listen) {
  let said;
  await until('status names the consumer and says the rest', 60, () => {
    const answer = world.verb('status', '--json', ...listen);
    said = {code: answer.code, ...JSON.parse(answer.stdout)};
    return said.broker.consumers?.some(({error}) => error);
  }).catch((error) => faults.push(`${error.message}: ${JSON.stringify(said)}`));
  return said;
}

async function judgeStatus(world, listen) {
  const said = await namesIt(world, listen);
  const of = (name) => said.broker.consumers?.find((each) => each.name === name) ?? {};
  log(said.conclusion);
  holds(`it exists, and nobody knows how far it is: ${JSON.stringify(of(silent))}`,
    of(silent).exists === true && of(silent).pending === null && /no server answers for it/.test(of(silent).error));
  holds(`the other is as it was: ${JSON.stringify(of('withdrawal-consumer'))}`, of('withdrawal-consumer').delivered > 0);
  const untold = said.broker.streams?.filter(({messages}) => messages === null).map(({name}) => name);
  holds(`streams are told: ${JSON.stringify(said.broker)}`, said.broker.streams?.length === 5 && untold.join() === beside.join());
  holds(`it ends with 1 and names it: ${said.code} ${said.conclusion}`, said.code === 1 && said.conclusion.includes(beside[0]));
  const {output} = world.verb('status', ...listen);
  holds(`the table has a dash for what nobody knows:\n${output}`, new RegExp(`^${silent} +true +- +- `, 'm').test(output));
  const checked = world.verb('check');
  holds(`check names all three: ${checked.code}\n${checked.output}`, checked.code === 1
    && [`consumer ${silent}`, ...beside].every((name) => checked.output.includes(name)));
}

async function run() {
  const brokers = await Brokers.plan();
  const world = new World(binary, {nats: brokers.first});
  await brokers.join(world);
  world.verbSeconds = 90;
  const traffic = await Traffic.open(world.natsUrl);
  const flags = ['--shutdown-deadline', '2s'];
  const first = await world.daemon('first', ...flags);
  await first.ready();
  await replicate(traffic.manager);
  const keeper = await keepByOne(brokers, traffic);
  await traffic.publish([...requests('deposit', 1, 100), ...requests('withdrawal', 1001, 100)]);
  await decided(world, 'deposit', 100, 30);
  await decided(world, 'withdrawal', 100, 30);
  await first.ready();

  const listen = ['--http-listen', new URL(first.url).host];
  await keeper.kill('SIGTERM');
  const {broker, conclusion} = await namesIt(world, listen);
  log(`the broker of the deposits is stopped: ${conclusion}`);
  holds(`it is known to be offline: ${JSON.stringify(broker)}`, broker.consumers?.some(({error}) => /offline/.test(error)));
  keeper.start();
  await until('the consumer is back', 60, () => traffic.manager.consumers.info(stream, silent).catch(() => null));
  await first.ready();

  await keeper.kill();
  log('the broker of the deposits is dead');
  await sleep(1000);
  await traffic.publish([...requests('deposit', 101, 100), ...requests('withdrawal', 1101, 100)]);
  await decided(world, 'withdrawal', 200, 30);
  await judgeStatus(world, listen);
  const second = await world.daemon('second', ...flags);
  await until('the second one says what it has no answer from', 60, async () =>
    (await second.get('/readyz?verbose')).body.includes(silent) && (await second.get('/livez')).status === 200);
  await first.stop();
  log('the first one has left, the second one has begun');
  await traffic.publish(requests('withdrawal', 1201, 100));
  await decided(world, 'withdrawal', 300, 30);

  keeper.start();
  await decided(world, 'deposit', 200, 60);
  await second.ready();
  await traffic.drained(60);
  faults.push(...world.auditFaults());
  await second.stop();
  return faults;
}

await conclude(run, log);
