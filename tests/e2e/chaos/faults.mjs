// The faults that strike processes and connections. A fault is {prepare, round, end}: `prepare(stage)` before the nodes
// start, `round(stage, n)` once for each share of the load, `end(stage)` before the judgement; only `round` must be there. It
// returns the moments, in milliseconds since 1970, in which a fault ended and from which recovery counts. `lasts`: the load of a
// round comes in so many milliseconds at least; `holds`: so long its longest strike takes.

import {setTimeout as sleep} from 'node:timers/promises';

import {until} from '../world.mjs';
import {ask, session} from './servers.mjs';

const between = (stage, from, to) => sleep(stage.random.between(from, to));

// Whom a round strikes: all nodes, or one of them in turn.
export const everyNode = (stage) => stage.nodes;
export const oneNode = (stage, n) => [stage.nodes[n % stage.nodes.length]];

const strikeMax = 45000; // milliseconds that the others have to take over, on the slowest machine: above any goal of a short run

// A strike of so many milliseconds, or on a slow machine until the others have taken over: what was published in its first half
// is settled, though the one that is struck still is.
async function untilTakenOver(stage, milliseconds) {
  const began = performance.now();
  await sleep(milliseconds / 2);
  const last = await stage.traffic.lastRequest();
  await sleep(milliseconds / 2);
  await until('the others have taken over', (strikeMax - (performance.now() - began)) / 1000, async () => {
    const infos = await stage.traffic.consumers();
    return infos.every((info) => info.ack_floor.stream_seq >= last || (info.num_pending === 0 && info.num_ack_pending === 0))
      || sleep(200, false);
  }).catch((error) => stage.faults.push(error.message));
}

// One that outlasts the load of its round has some of its own, and a little longer: what comes after it is what recovery is seen by.
async function longStrike(stage, milliseconds) {
  stage.producer.more(400, milliseconds + 1000).catch((error) => stage.faults.push(error.message));
  await untilTakenOver(stage, milliseconds);
}

// A node whose end was not the fault's own is started again, as a service manager does.
async function restartAll(stage, nodes) {
  const first = Date.now();
  for (const node of nodes) {
    await node.start();
  }
  for (const node of nodes) {
    await node.ready();
  }
  return first;
}

// Steps of the road from a delivery to its acknowledgement (domain/failpoint.hpp). A store makes a failure of what is
// thrown in some, and the batch goes again.
const throwing = ['pull', 'delivery', 'fetcher', 'decoded', 'region', 'ledger', 'gate', 'poster', 'answer', 'publish', 'puback', 'ack', 'frame', 'receiver', 'reply'];
const killing = [...throwing, 'write', 'commit', 'committed'];
const dropping = ['pull', 'delivery', 'committed', 'publish', 'puback', 'ack', 'renew', 'frame', 'reply', 'word'];
const reachSeconds = 6;
const drawsMax = 6; // of steps in a round, until one has been reached at all

// Its start takes its time, so there is load of its own for it.
async function startArmed(stage, node, rules) {
  await node.kill();
  await node.start({LEDGERD_FAILPOINTS: rules});
  node.meant = true;
  await until(`${node.name} is ready, or gone`, 30, async () => node.gone || (await node.daemon.get('/readyz')).status === 200);
  await stage.producer.more(100, 500);
}

// On a slow machine the load of its start may be over when it is ready, so there is more until it has come to the step.
async function endAtOneStep(stage, node) {
  const deed = stage.random.pick(['kill', 'throw']);
  const rule = `${stage.random.pick(deed === 'kill' ? killing : throwing)}=${deed}@${stage.random.between(1, 30)}`;
  await startArmed(stage, node, rule);
  await until(`${node.name} is at ${rule}`, reachSeconds, async () => {
    await stage.producer.more(5, 100);
    return node.gone;
  }).catch(() => {});
  if (!node.gone) {
    await node.kill(); // it did not come to it in time
    return;
  }
  stage.counts.kills += 1;
  const {code, signal} = await node.daemon.ended;
  if (signal !== 'SIGKILL' && code !== 70) {
    stage.faults.push(`at ${rule} ${node.name} ended with ${signal ?? code}: ${node.daemon.log.slice(-1500)}`);
  }
}

export const nodeFaults = {
  endAtStep: (victims) => ({
    round: async (stage, n) => {
      const nodes = victims(stage, n);
      for (let draws = 0; draws < 1 || (draws < drawsMax && stage.counts.kills === 0); ++draws) {
        for (const node of nodes) {
          await endAtOneStep(stage, node);
        }
      }
      return [await restartAll(stage, nodes)];
    },
  }),

  leaveStepsOut: (victims) => ({
    round: async (stage, n) => {
      const [node] = victims(stage, n);
      const told = () => node.daemon.log.match(/failpoint \w+: /g) ?? []; // in all its lives
      const before = told().length;
      await startArmed(stage, node, dropping.map((step) => `${step}=drop@2..6`).join(';'));
      // It may pull later than it is ready, when the others have decided all.
      await until(`${node.name} loses deliveries`, reachSeconds, async () => {
        await stage.producer.more(5, 100);
        return told().slice(before).some((step) => / (delivery|ack): /.test(step));
      }).catch(() => {});
      await between(stage, 4000, 5000);
      stage.counts.drops = (stage.counts.drops ?? 0) + told().length - before;
      await node.kill();
      return [await restartAll(stage, [node])];
    },
  }),

  kill: (victims) => ({
    round: async (stage, n) => {
      const nodes = victims(stage, n);
      await Promise.all(nodes.map((node) => node.kill()));
      stage.counts.kills += nodes.length;
      await between(stage, 0, 300);
      return [await restartAll(stage, nodes)];
    },
  }),

  term: (victims) => ({
    round: async (stage, n) => {
      const nodes = victims(stage, n);
      await Promise.all(nodes.map((node) => node.stop()));
      stage.counts.kills += nodes.length;
      return [await restartAll(stage, nodes)];
    },
  }),

  // `first`: milliseconds, of the first round, which the others take over in.
  stop: (victims, {first} = {}) => ({
    holds: first ? strikeMax : 3500,
    round: async (stage, n) => {
      const nodes = victims(stage, n);
      nodes.forEach((node) => node.signal('SIGSTOP'));
      stage.counts.freezes += nodes.length;
      await (first && n === 0 ? longStrike(stage, first) : between(stage, 3500, 4500));
      nodes.forEach((node) => node.signal('SIGCONT'));
      return [Date.now()];
    },
  }),
};

// What happens on the way between these nodes and these servers.
export const roadFaults = {
  cut: (roads, victims) => ({
    round: async (stage, n) => {
      const proxies = stage.proxiesOf(roads, victims(stage, n));
      for (let times = 0; times < 8; ++times) {
        await Promise.all(proxies.map((proxy) => proxy.cut()));
        await between(stage, 100, 300);
      }
      return [Date.now()];
    },
  }),

  // `first`: milliseconds, of the first round, which the others take over in; `each`: of every round likewise, with its load.
  hang: (roads, victims, {from = 4000, to = 5000, first, each, directions = ['up', 'down']} = {}) => ({
    lasts: each,
    holds: first || each ? strikeMax : from,
    round: async (stage, n) => {
      const proxies = stage.proxiesOf(roads, victims(stage, n));
      await Promise.all(proxies.map((proxy) => proxy.blackhole(directions)));
      stage.counts.hangs += proxies.length;
      if (each) {
        await untilTakenOver(stage, each);
      } else {
        await (first && n === 0 ? longStrike(stage, first) : between(stage, from, to));
      }
      await Promise.all(proxies.map((proxy) => proxy.restore()));
      return [Date.now()];
    },
  }),

  halfOpen: (roads, victims) => ({
    round: async (stage, n) => {
      const proxies = stage.proxiesOf(roads, victims(stage, n));
      const links = await Promise.all(proxies.map((proxy) => proxy.halfOpen()));
      stage.counts.hangs += links.reduce((a, b) => a + b, 0);
      return [Date.now()];
    },
  }),

  slow: (roads, victims, bytes, everyMs) => ({
    round: async (stage, n) => {
      const proxies = stage.proxiesOf(roads, victims(stage, n));
      await Promise.all(proxies.map((proxy) => proxy.slow(bytes, everyMs)));
      stage.counts.hangs += proxies.length;
      await between(stage, 2000, 3000);
      await Promise.all(proxies.map((proxy) => proxy.restore()));
      return [Date.now()];
    },
  }),

  delay: (roads, victims, ms) => ({
    round: async (stage, n) => {
      const proxies = stage.proxiesOf(roads, victims(stage, n));
      await Promise.all(proxies.map((proxy) => proxy.delay(ms)));
      stage.counts.hangs += proxies.length;
      await between(stage, 2000, 3000);
      await Promise.all(proxies.map((proxy) => proxy.restore()));
      return [Date.now()];
    },
  }),

  // Rules of the fault proxy, for `hold` milliseconds.
  rules: (road, rules, hold = 2000) => ({
    round: async (stage) => {
      const proxies = stage.proxiesOf([road]);
      for (const rule of rules) {
        await Promise.all(proxies.map((proxy) => proxy.rule(rule)));
      }
      await sleep(hold);
      await Promise.all(proxies.map((proxy) => proxy.restore()));
      return [Date.now()];
    },
  }),
};

export const serverFaults = {
  // `away`: milliseconds; else less than one second.
  kill: (name, away) => ({
    round: async (stage) => {
      await stage[name].kill();
      stage.counts.kills += 1;
      await (away ? sleep(away) : between(stage, 200, 1000));
      return [await stage[name].start()];
    },
  }),

  term: (name) => ({
    round: async (stage) => {
      await stage[name].stop();
      stage.counts.kills += 1;
      await between(stage, 200, 1000);
      return [await stage[name].start()];
    },
  }),

  // A slow machine may take long until it is frozen, and there must be load then.
  stop: (name) => ({
    lasts: 3000,
    round: async (stage) => {
      await stage[name].freeze('STOP');
      stage.counts.freezes += 1;
      await between(stage, 3500, 4500);
      await stage[name].freeze('CONT');
      return [Date.now()];
    },
  }),
};

// A stranger's session that ends the node's sessions, one at a time, 1 to 20 times a second.
const terminator = (seconds) => `DO $$
  DECLARE ended integer := 0; began timestamptz := clock_timestamp();
  BEGIN
    WHILE clock_timestamp() < began + interval '${seconds} s' LOOP
      PERFORM pg_stat_clear_snapshot();
      ended := ended + (SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM (
        SELECT pid FROM pg_stat_activity WHERE usename = 'ledgerd' ORDER BY random() LIMIT 1) AS victim);
      PERFORM pg_sleep(0.05 + random() * random() * 0.95);
    END LOOP;
    RAISE NOTICE 'ended %', ended;
  END $$`;

// One that takes the accounts in the order opposite to everybody else's.
const contrarian = `DO $$
  DECLARE account record;
  BEGIN
    FOR account IN SELECT user_id, currency FROM ledger.accounts ORDER BY user_id DESC, currency DESC LIMIT 200 LOOP
      PERFORM 1 FROM ledger.accounts WHERE user_id = account.user_id AND currency = account.currency FOR UPDATE;
      PERFORM pg_sleep(0.01);
    END LOOP;
  END $$;`;

async function deadlocks(stage) {
  const found = await ask(stage.operator, 'SELECT deadlocks FROM pg_stat_database WHERE datname = \'ledgerd\'');
  return Number(found[0][0]);
}

export const databaseFaults = {
  terminated: () => ({
    round: async (stage) => {
      const {said} = await session(stage.operator, terminator(3)).done;
      stage.counts.terminated += Number(/ended (\d+)/.exec(said)?.[1] ?? 0);
      return [Date.now()];
    },
  }),

  locked: () => ({
    lasts: 4000, // milliseconds, as long as the lock
    round: async (stage, n) => {
      const table = ['ledger.transactions', 'ledger.accounts'][n % 2];
      const text = `BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(4); COMMIT;`;
      const {code} = await session(stage.operator, text).done;
      stage.counts.locks += code === 0 ? 1 : 0;
      return [Date.now()];
    },
  }),

  deadlock: () => ({
    lasts: 9000, // milliseconds, as long as the stranger's three sessions
    round: async (stage) => {
      await ask(stage.operator, 'ALTER SYSTEM SET deadlock_timeout = \'20ms\'');
      await ask(stage.operator, 'SELECT pg_reload_conf()');
      // On a slow machine the round's own load may be over before the stranger has met it.
      for (let times = 0; times < 3 || (times < 20 && stage.counts.deadlocks === 0); ++times) {
        const load = times < 3 ? null : stage.producer.more(200, 300);
        await session(stage.operator, contrarian).done;
        await load;
        stage.counts.deadlocks = await deadlocks(stage);
      }
      return [Date.now()];
    },
    end: async (stage) => {
      // The server's numbers come a little later than what they count.
      await sleep(1200);
      stage.counts.deadlocks = await deadlocks(stage);
    },
  }),
};
