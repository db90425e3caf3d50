// Several ledger nodes on the same streams, under a steady load, and the judgement at the end.

import {setTimeout as sleep} from 'node:timers/promises';

import {Brokers, replicate} from './brokers.mjs';
import {gather, inversions, judge, summary} from './facts.mjs';
import {Load} from './load.mjs';
import {Proxy} from './proxy.mjs';
import {Random} from './random.mjs';
import {slackOfShort} from './slack.mjs';
import {Traffic} from './traffic.mjs';
import {until, World} from './world.mjs';

export const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

const port = (url) => Number(new URL(url).port);

export class Cluster {
  // `load` as of Load; `roles` and more `flags` of every node; with `threeBrokers`, a cluster of three nats-servers, whose streams have three
  // replicas once `formed` has returned, and users whose rights stay as they are.
  static async open(binary, {ackWaitSeconds = 6, flags = ['--shutdown-deadline', '2s'], roles = 'ledger', load, threeBrokers = false}) {
    const cluster = new Cluster();
    const seed = 1 + Math.floor(Math.random() * 0x7fffffff);
    log(`seed ${seed}`);
    const brokers = threeBrokers ? await Brokers.plan() : null;
    cluster.world = new World(binary, {nats: brokers?.first});
    cluster.brokers = brokers;
    cluster.urls = brokers ? await brokers.join(cluster.world) : [cluster.world.natsUrl];
    cluster.traffic = await Traffic.open(cluster.world.natsUrl);
    await cluster.traffic.provision(ackWaitSeconds);
    cluster.flags = ['--roles', roles, ...flags];
    cluster.load = new Load(cluster.traffic, new Random(seed), load);
    cluster.nodes = new Map(); // by name
    return cluster;
  }

  // Starts a node; it is `user` on the broker, or whom its flags make it.
  async start(name, {user = this.world.users.ofDaemon(this.flags), environment = {}} = {}) {
    const world = this.world;
    const url = world.users.as(user, environment.LEDGERD_NATS_URL ?? this.#urlOf(name));
    const node = await world.daemonIn({...environment, LEDGERD_NATS_URL: url}, name, ...this.flags);
    this.nodes.set(name, node);
    return node;
  }

  // One with a proxy on each of its roads: {node, nats, database}.
  async startBehindProxies(name, user) {
    const {natsUrl, settings} = this.world;
    const nats = await Proxy.open(port(natsUrl));
    const database = await Proxy.open(port(settings.LEDGERD_DATABASE_URL));
    const node = await this.start(name, {user, environment: {
      LEDGERD_NATS_URL: nats.through(natsUrl), LEDGERD_DATABASE_URL: database.through(settings.LEDGERD_DATABASE_URL),
    }});
    return {node, nats, database};
  }

  // Until every node named sees all of them, and no other, serving, with links that carry entries.
  async formed(names, seconds = 30) {
    const sorted = [...names].sort().join();
    let last;
    await until(`${sorted} form a cluster`, seconds, async () => {
      await sleep(200);
      last = await Promise.all(names.map((name) => this.view(this.nodes.get(name))));
      return last.every((view) => view && view.nodes.map((each) => each.name).sort().join() === sorted
        && view.nodes.every((each) => each.doing === 'serving' && !each.silent && (names.length === 1 || each.linkUp)));
    }).catch((error) => {
      throw new Error(`${error.message}; the last views: ${JSON.stringify(last)}`);
    });
    if (this.urls.length > 1 && !this.replicated) {
      await replicate(this.traffic.manager);
      this.replicated = true;
    }
  }

  // The nodes are dealt out to the brokers by their names' places.
  #urlOf(name) {
    const place = [...this.nodes.keys()].indexOf(name);
    return this.urls[(place < 0 ? this.nodes.size : place) % this.urls.length];
  }

  // What a node says of the cluster; null when it does not answer.
  async view(node) {
    const {status, body} = await node.get('/v1/cluster');
    return status === 200 ? JSON.parse(body) : null;
  }

  // It is ready. A stall of the machine may make it unready for a moment, but never for what this check says: then it throws.
  async untroubled(node, check) {
    await until(`${node.name} is ready`, 15, async () => {
      const {status, body} = await node.get('/readyz?verbose');
      const found = status === 503 ? JSON.parse(body).checks.find(({name, ok}) => name === check && !ok) : undefined;
      if (found) {
        throw new Error(`${node.name} is not ready any more: ${found.detail}`);
      }
      return status === 200;
    });
  }

  // A number of a node's metrics, of all series together; 0 when there is none. A busy node may have no answer at once.
  async metric(node, name) {
    if (name.endsWith('_total')) {
      return node.counter(name);
    }
    let body;
    await until(`${node.name} shows its metrics`, 30, async () => {
      const answer = await node.get('/metrics');
      body = answer.body;
      return answer.status === 200;
    });
    const values = [...body.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))].map(([, n]) => Number(n));
    return values.reduce((a, b) => a + b, 0);
  }

  async sum(name) {
    const alive = [...this.nodes.values()].filter((node) => !node.gone);
    return (await Promise.all(alive.map((node) => this.metric(node, name)))).reduce((a, b) => a + b, 0);
  }

  // Every request that was published before now has its verdict.
  async allDecided(what, seconds) {
    const before = performance.now();
    await until(what, seconds, async () => {
      await sleep(50);
      return this.load.sentBetween(0, before, ({decided}) => decided === undefined).length === 0;
    });
  }

  // Ends the load and the nodes, and returns the faults. With `forwards`, the nodes that live at the end have forwarded.
  async judge({forwards = true} = {}) {
    await this.load.end();
    await this.allDecided('all that was published is decided', 60); // a consumer whose server is behind its stream says that nothing waits
    await this.traffic.drained(60);
    const faults = [];
    const forwarded = await this.sum('ledgerd_forwarded_entries_total');
    const rejections = await this.sum('ledgerd_fence_rejections_total');
    const rows = await this.sum('ledgerd_rows_total');
    log(`the nodes at the end: ${rows} rows, ${forwarded} entries forwarded, ${rejections} groups fenced off`);
    if (forwards && forwarded === 0) {
      faults.push('no entry was forwarded, so there was no cluster');
    }
    const due = this.load.duration() / 1000 * this.load.rate;
    if (this.load.messages.length < due * 0.8 / slackOfShort) {
      faults.push(`there was hardly any load: ${this.load.messages.length} messages where ${due.toFixed(0)} were due`);
    }
    for (const node of this.nodes.values()) {
      if (!node.gone) {
        await node.stop();
      }
    }
    const facts = await gather(this.world, this.traffic, this.load.messages);
    log(summary(facts));
    const {ofSubject, ofAccount} = inversions(facts);
    log(`${ofSubject} rows were overtaken by a later request of their subject, ${ofAccount} by any`);
    faults.push(...judge(this.world, facts));
    await this.traffic.close();
    return faults;
  }
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
