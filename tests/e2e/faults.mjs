// Two daemons on the same durables, one of them sick. The other decides everything while the fault lasts, within the
// acknowledgement wait and five seconds; the sick one says within five seconds that it is not ready, and why; when the fault
// ends it goes on by itself, or it has ended itself with 70. A slow machine may take longer, as below. Usage:
//   node faults.mjs silence|deaths BINARY

import {argv} from 'node:process';
import {setTimeout as sleep} from 'node:timers/promises';

import {Proxy} from './proxy.mjs';
import {slackOfShort} from './slack.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, until, World} from './world.mjs';

const [, , scenario, binary] = argv;
const ackWaitSeconds = 6;
const takeoverSeconds = ackWaitSeconds + 5 * slackOfShort;
const unreadySeconds = 40; // the node itself takes four, and another reason may show first
const submissionsMax = 20;
const flags = ['--roles', 'ledger,account', '--shutdown-deadline', '2s', '--redrive-after', '2s',
  '--submissions-max', String(submissionsMax)];

const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const port = (url) => Number(new URL(url).port);

// Far from the ids that the account side gives.
const firstId = 10 ** 12;
let lastId = firstId;

function deposits(count) {
  return Array.from({length: count}, () => {
    const recordId = ++lastId;
    const body = {recordId, userId: `user-${recordId % 50}`, type: 'DEPOSIT', amount: '10', currency: 'KRW'};
    return {subject: 'transaction.deposit', payload: new TextEncoder().encode(JSON.stringify(body))};
  });
}

const decided = (world) =>
  firstId + Number(world.query(`SELECT count(*) FROM ledger.transactions
    WHERE record_id BETWEEN ${firstId} AND ${lastId}`)[0][0]);

// psql holds this process up, and with it the proxies: it must not be asked all the time.
async function allDecided(world, what, seconds) {
  await until(what, seconds, async () => {
    await sleep(400);
    return decided(world) === lastId;
  });
}

// The sick daemon, with a proxy on each of its roads.
async function startSick(world, name, environment = {}) {
  const nats = await Proxy.open(port(world.natsUrl));
  const database = await Proxy.open(port(world.settings.LEDGERD_DATABASE_URL));
  const daemon = await world.daemonIn({
    LEDGERD_NATS_URL: nats.through(world.natsUrl),
    LEDGERD_DATABASE_URL: database.through(world.settings.LEDGERD_DATABASE_URL),
    ...environment,
  }, name, ...flags);
  return {daemon, nats, database};
}

// The server's processes behind the sick daemon's connections.
function backends(world, {database}) {
  const ports = database.ports.join(', ') || '0';
  return world.query(`SELECT pid FROM pg_stat_activity WHERE client_port IN (${ports})`,
    world.settings.LEDGERD_DATABASE_URL).map(([pid]) => Number(pid));
}

const silences = {
  'frozen backends': {
    why: /database|gate|poster|recorder|redriver/,
    heals: /gave no answer within/,
    begin: (world, sick) => {
      sick.frozen = backends(world, sick);
      sick.frozen.forEach((pid) => process.kill(pid, 'SIGSTOP'));
    },
    end: (world, sick) => sick.frozen.forEach((pid) => process.kill(pid, 'SIGCONT')),
  },
  'a hung COMMIT': {
    why: /gate|poster|recorder/,
    begin: (world, sick) => sick.database.hangAfter('COMMIT'),
    end: (world, sick) => sick.database.restore(),
  },
  'a blackholed database': {
    why: /database|gate|poster|recorder/,
    records: false,
    begin: (world, sick) => sick.database.blackhole(),
    end: (world, sick) => sick.database.restore(),
  },
  'a blackholed broker': {
    why: /broker|streams|PubAck/,
    records: true,
    balances: true,
    begin: (world, sick) => sick.nats.blackhole(),
    end: (world, sick) => sick.nats.restore(),
  },
};

// It is not ready and says why in the same answer: by the next one it may have opened other sessions. Where it can do that
// (`heals`, in its log), it may do so before it is unready at all, and is ready then.
async function unready(daemon, {why, heals}) {
  const said = new Set();
  const from = daemon.log.length;
  let status;
  await until(`${daemon.name} is not ready, and says why`, unreadySeconds, async () => {
    const answer = await daemon.get('/readyz?verbose');
    status = answer.status;
    const wrong = status === 503 ? JSON.parse(answer.body).checks.filter(({ok}) => !ok) : [];
    wrong.forEach(({name, detail}) => said.add(`${name}: ${detail}`));
    return [...said].some((sentence) => why.test(sentence));
  }).catch((error) => {
    if (status !== 200 || !heals?.test(daemon.log.slice(from))) {
      throw new Error(`${error.message}; it says ${[...said].join(' | ') || 'nothing'}`);
    }
    said.add('never for this, it has opened other sessions');
  });
  log(`  unready: ${[...said].join(' | ')}`);
}

// Whose pull request is first may get everything for a while.
async function takesPart(traffic, daemon) {
  const before = await daemon.entries();
  await until(`${daemon.name} has its share of the work`, 20, async () => {
    await traffic.publish(deposits(300));
    await sleep(100);
    return (await daemon.entries()) > before;
  });
}

const submit = (daemon) => fetch(`${daemon.url}/v1/transactions`, {
  method: 'POST', headers: {'Content-Type': 'application/json'},
  body: JSON.stringify({userId: 'ann', type: 'DEPOSIT', amount: 10, currency: 'KRW'}),
});

// Requests are recorded, more than are held, and the node says so, whatever has become of the broker; returns where the
// records are.
async function recordsOrSaysSo(daemon, records) {
  await until(`${daemon.name} says whether it records`, unreadySeconds, async () =>
    (await daemon.get('/readyz?for=submit')).status === (records ? 200 : 503));
  const places = [];
  await until('requests are recorded', 60, async () => {
    while (records && places.length < 3 * submissionsMax) {
      const answer = await submit(daemon);
      if (answer.status !== 202) { // for a while all that it holds waits for a PubAck
        await sleep(200);
        return false;
      }
      places.push(answer.headers.get('location'));
    }
    return true;
  });
  return places;
}

// What comes now is decided in time, whatever the sick node says meanwhile.
async function takeover(world, traffic, count) {
  const began = performance.now();
  await traffic.publish(deposits(count));
  const seconds = takeoverSeconds - (performance.now() - began) / 1000;
  await allDecided(world, 'the other one decides everything', seconds);
  log(`  all decided after ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

// One fault: work comes before it, so that the sick node holds some, and while it lasts.
async function suffer(world, traffic, sick, fault) {
  log(sick.daemon.name);
  await sick.daemon.ready();
  await takesPart(traffic, sick.daemon);
  // At rest: a transaction that is cut in its middle holds its locks as long as the server lets it.
  await allDecided(world, 'all is decided', 60);
  fault.begin(world, sick);
  await Promise.all([unready(sick.daemon, fault), takeover(world, traffic, 1000)]);
  if (fault.balances)
    await until('balances are told', unreadySeconds, async () => (await sick.daemon.get('/v1/accounts/user-1')).status === 200);
  const recorded = fault.records === undefined ? [] : await recordsOrSaysSo(sick.daemon, fault.records);
  fault.end(world, sick);
  if (!sick.daemon.gone) {
    await sick.daemon.ready(20);
    await until('what was recorded meanwhile is decided', 60, async () => {
      const answers = await Promise.all(recorded.map((place) => sick.daemon.get(place)));
      return answers.every(({body}) => JSON.parse(body).status === 'SUCCESS');
    });
    await takesPart(traffic, sick.daemon);
    await sick.daemon.stop();
  } else if (await sick.daemon.exit(0) !== 70) {
    throw new Error(`the sick one ended with ${await sick.daemon.exit(0)}`);
  }
  sick.nats.close();
  sick.database.close();
}

async function silence(world, traffic) {
  for (const [name, fault] of Object.entries(silences)) {
    const sick = await startSick(world, name.replace(/\W+/g, '-'));
    await suffer(world, traffic, sick, fault).catch((error) => {
      throw new Error(`${name}: ${error.message}\n${sick.daemon.log.slice(-3000)}`);
    });
  }
}

// What makes each kind of actor work, on a node that has both roles.
const stimuli = {
  node: null,
  account: null,
  readiness: null,
  redriver: null,
  fetcher: 'deposits',
  region: 'deposits',
  ledger: 'deposits',
  gate: 'deposits',
  poster: 'deposits',
  reconciler: 'submission',
  intake: 'submission',
  recorder: 'submission',
  ledger_client: 'account',
  responder: 'account',
  nats_api: 'question',
};

async function stimulate(traffic, daemon, how) {
  switch (how) {
    case 'deposits':
      return traffic.publish(deposits(50));
    case 'submission':
      return submit(daemon).catch(() => {});
    case 'account':
      return daemon.get('/v1/accounts/ann');
    case 'question':
      return traffic.connection.request('ledgerd.api.record', '{"recordId": 1}', {timeout: 500}).catch(() => {});
    default:
      return sleep(50);
  }
}

async function deaths(world, traffic) {
  for (const [kind, how] of Object.entries(stimuli)) {
    const {daemon, nats, database} = await startSick(world, `dead-${kind}`, {LEDGERD_FAILPOINTS: `${kind}=throw`});
    await until(`the ${kind} fails`, 20, async () => {
      if (how !== null && (await daemon.get('/readyz')).status !== 200) {
        return daemon.gone;
      }
      await stimulate(traffic, daemon, how);
      await sleep(100);
      return daemon.gone;
    });
    const code = await daemon.exit(1);
    if (code !== 70 || !daemon.log.includes(`the failpoint ${kind}`)) {
      throw new Error(`the ${kind} threw, and the process ended with ${code}:\n${daemon.log.slice(-2000)}`);
    }
    log(`${kind}: ended with 70`);
    nats.close();
    database.close();
  }
  await allDecided(world, 'the other one decides everything', takeoverSeconds);
  await hang(world, traffic);
}

// Both nodes own accounts.
async function share(daemon) {
  await until(`${daemon.name} has accounts of its own`, 20, async () => {
    await sleep(100);
    const {status, body} = await daemon.get('/v1/cluster');
    const living = status === 200 ? JSON.parse(body).nodes.filter(({silent}) => !silent) : [];
    return living.length === 2 && living.every(({shards}) => shards > 0 && shards < 16384);
  });
}

// An actor that neither dies nor answers.
async function hang(world, traffic) {
  const {daemon, nats, database} = await startSick(world, 'hanging-gate', {
    LEDGERD_FAILPOINTS: 'gate=hang', LEDGERD_SCHEDULER_THREADS: '4',
  });
  await daemon.ready();
  await share(daemon);
  await Promise.all([unready(daemon, {why: /gate/}), takeover(world, traffic, 500)]);
  const metrics = (await daemon.get('/metrics')).body;
  if (!/ledgerd_stalled [1-9]/.test(metrics)) {
    throw new Error('the metrics do not show what stands still');
  }
  if (/^ledgerd_commits_total/m.test(metrics) || !/^ledgerd_entries_total/m.test(metrics)) {
    throw new Error('a series of a silent actor is there, or one of an actor that answers is missing');
  }
  if (!daemon.log.includes('no progress: ')) {
    throw new Error('the log does not say what stands still');
  }
  await daemon.kill();
  nats.close();
  database.close();
}

async function run() {
  const play = {silence, deaths}[scenario];
  if (!play || !binary) {
    throw new Error('usage: node faults.mjs silence|deaths BINARY');
  }
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.provision(ackWaitSeconds);
  await traffic.provisionResults(ackWaitSeconds);
  const healthy = await world.daemon('healthy', ...flags);
  await healthy.ready();
  await play(world, traffic);
  await traffic.drained(60);
  await healthy.stop();
  const faults = world.auditFaults();
  await traffic.close();
  return faults;
}

await conclude(run, log);
