// What a cell of the chaos plays on: private servers, nodes behind fault proxies, a producer, and everything that is
// counted meanwhile. Every end of a node that the cell did not bring about is a fault of the run.

import {setTimeout as sleep} from 'node:timers/promises';

import {Brokers, replicate} from '../brokers.mjs';
import {repeatedLetters} from '../check.mjs';
import {gather, judge, summary} from '../facts.mjs';
import {Random} from '../random.mjs';
import {makeMessages} from '../requests.mjs';
import {Traffic} from '../traffic.mjs';
import {until, World} from '../world.mjs';
import {Producer} from './producer.mjs';
import {ProxyProcess} from './proxy_process.mjs';
import {ask, Nats, Postgres} from './servers.mjs';
import {Watch} from './watch.mjs';

export const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
export const ackWaitSeconds = 2;
const settleSeconds = 90;
const payloadMax = 100000;
const nodeNames = ['left', 'middle', 'right'];

const port = (url) => Number(new URL(url).port);

// One node under one name, through all its lives.
class Node {
  constructor(stage, name, environment) {
    Object.assign(this, {stage, name, environment, meant: false, wrapper: null});
  }

  async start(more = {}) {
    const {stage} = this;
    this.meant = false;
    stage.world.wrapper = this.wrapper;
    this.startedAt = Date.now();
    this.daemon = await stage.world.daemonIn({...this.environment, ...more}, this.name, ...stage.flags);
    stage.world.wrapper = null;
    const {daemon} = this;
    stage.watch.follow(daemon);
    daemon.ended.then(({code, signal}) => {
      if (!this.meant) {
        stage.ownEnds.push(`${this.name} ended by itself with ${signal ?? code}: ${daemon.log.slice(-1500)}`);
      }
    });
  }

  get pid() {
    return this.daemon.child.pid;
  }

  ready(seconds) {
    return this.daemon.ready(seconds);
  }

  signal(name) {
    this.daemon.child.kill(name);
  }

  async kill() {
    this.meant = true;
    await this.stage.watch.look(this.daemon);
    await this.daemon.kill();
  }

  // It must end by itself, and well, or by its short deadline (slack.mjs).
  async stop() {
    this.meant = true;
    await this.stage.watch.look(this.daemon);
    this.signal('SIGTERM');
    const code = await this.daemon.exit(30);
    const forced = code === 70 && this.daemon.wasForced;
    this.stage.stops += 1;
    this.stage.counts.forced += forced ? 1 : 0;
    if (code !== 0 && !forced) {
      throw new Error(`${this.name} ended with ${code}: ${this.daemon.log.slice(-1500)}`);
    }
  }

  // Gone, whoever has ended it.
  get gone() {
    return this.daemon.gone === true;
  }
}

export class Stage {
  // `cell` as of cells.mjs.
  static async open(binary, {cell, records, seed}) {
    const stage = new Stage();
    Object.assign(stage, {cell, records, seed, random: new Random(seed), ownEnds: [], faults: [], nodes: [], skipped: null});
    stage.counts = {kills: 0, freezes: 0, cuts: 0, hangs: 0, terminated: 0, deadlocks: 0, locks: 0, jumps: 0, full: 0, changes: 0, limits: 0, forced: 0};
    stage.rounds = [];
    stage.stops = 0; // of nodes that were told to
    stage.deliveriesBefore = 0;
    stage.witnessed = null;
    stage.closing = [];
    const brokers = cell.brokers === 3 ? await Brokers.plan() : null;
    stage.world = new World(binary, {nats: brokers?.first});
    stage.brokers = brokers;
    stage.urls = brokers ? await brokers.join(stage.world) : [stage.world.natsUrl];
    stage.database = stage.world.settings.LEDGERD_DATABASE_URL;
    stage.operator = Object.assign(new URL(stage.database), {username: 'postgres'}).href;
    stage.postgres = new Postgres(stage.world);
    stage.nats = new Nats(stage.world);
    stage.flags = ['--roles', cell.roles ?? 'ledger', '--shutdown-deadline', '1s', '--ack-wait', '2s', ...(cell.flags ?? [])];
    stage.traffic = await Traffic.open(stage.urls);
    await stage.traffic.provision(ackWaitSeconds);
    if (cell.roles?.includes('account')) {
      await stage.traffic.provisionResults(ackWaitSeconds);
    }
    // The largest have no room for the producer's message id.
    stage.messages = makeMessages(stage.random, records).filter(({payload}) => payload.length < payloadMax);
    stage.producer = new Producer(stage.traffic, stage.messages);
    stage.watch = new Watch(stage);
    await stage.#openNodes();
    return stage;
  }

  async #openNodes() {
    this.proxies = {nats: [], postgres: []};
    const behind = this.cell.proxies !== false;
    this.host = behind ? ProxyProcess.open() : null;
    for (let i = 0; i < this.cell.nodes; ++i) {
      const name = nodeNames[i];
      const environment = {};
      if (behind) {
        const nats = await this.host.proxy('nats', port(this.world.natsUrl));
        const postgres = await this.host.proxy('postgres', port(this.database));
        this.proxies.nats.push(nats);
        this.proxies.postgres.push(postgres);
        environment.LEDGERD_NATS_URL = nats.through(this.world.natsUrl);
        environment.LEDGERD_DATABASE_URL = postgres.through(this.database);
      } else {
        const user = this.world.users.ofDaemon(this.flags);
        environment.LEDGERD_NATS_URL = this.urls.map((url) => this.world.users.as(user, url)).join(',');
      }
      this.nodes.push(new Node(this, name, environment));
    }
  }

  // All nodes work, and what is in the cell's `prepare` is done.
  async begin() {
    for (const node of this.nodes) {
      await node.start();
    }
    for (const node of this.nodes) {
      await node.ready();
    }
    if (this.cell.nodes > 1) {
      await this.formed();
    }
    if (this.brokers) {
      await replicate(this.traffic.manager);
    }
    this.watch.begin();
  }

  // Every node sees every other one.
  async formed(seconds = 30) {
    const names = this.nodes.map(({name}) => name).sort().join();
    await until('the nodes form a cluster', seconds, async () => {
      await sleep(100);
      const views = await Promise.all(this.nodes.map(({daemon}) => daemon.get('/v1/cluster')));
      return views.every(({status, body}) => status === 200
        && JSON.parse(body).nodes.filter(({silent, linkUp}) => !silent && linkUp).map(({name}) => name).sort().join() === names);
    });
  }

  // All proxies on these roads (nats, postgres) of these nodes.
  proxiesOf(roads, nodes = this.nodes) {
    return roads.flatMap((road) => nodes.map((node) => this.proxies[road][this.nodes.indexOf(node)]));
  }

  ask(statement, url = this.database) {
    return ask(url, statement);
  }

  // Distinct record ids, each of which must have its row in the end.
  get due() {
    this.ids ??= new Set(this.messages.filter(({request}) => request).map(({request}) => request.id)).size;
    return this.ids;
  }

  // All that was published is decided and settled.
  async settle() {
    await this.producer.stored();
    let rows = 0;
    await until('all records have their rows', settleSeconds, async () => {
      await sleep(200);
      rows = Number((await this.ask('SELECT count(*) FROM ledger.transactions').catch(() => [[0]]))[0][0]);
      return rows >= this.due;
    }).catch((error) => {
      this.faults.push(`${error.message}: ${rows} of ${this.due}`);
    });
    await until('the consumers are drained', settleSeconds, async () => {
      await sleep(200);
      return this.traffic.drained(0).then(() => true, () => false);
    }).catch((error) => this.faults.push(error.message));
    const lost = this.brokers ? await this.producer.lost() : 0;
    if (lost > 0) {
      this.faults.push(`the brokers have lost ${lost} messages that they had confirmed, whatever the nodes did`);
    }
    if (this.faults.length > 0) {
      log(`what the broker holds: ${await this.traffic.standing().catch((error) => error.message)}`);
    }
  }

  // Ends the nodes and says what is wrong.
  async judge() {
    await this.watch.end();
    for (const node of this.nodes) {
      if (!node.gone) {
        await node.stop().catch((error) => this.faults.push(error.message));
      }
    }
    this.redeliveries = this.deliveriesBefore + await this.traffic.redeliveries();
    const facts = await gather(this.world, this.traffic, this.messages);
    if (this.witnessed) {
      facts.results = facts.results.concat(this.witnessed.results);
      // What was read before it was trimmed may be in the stream still.
      const letters = [...facts.dead, ...this.witnessed.dead].map((letter) => [letter.headers['Nats-Msg-Id'], letter]);
      facts.dead = [...new Map(letters).values()];
    }
    facts.deliveries = await this.#deliveriesOf(facts.dead);
    log(summary(facts));
    this.counts.repeatedLetters = repeatedLetters(facts);
    this.facts = facts;
    this.faults.push(...judge(this.world, facts), ...this.ownEnds, ...this.watch.faults);
    for (const proxy of [...this.proxies.nats, ...this.proxies.postgres]) {
      const {cuts, acts, errors} = await proxy.counts();
      this.counts.cuts += cuts;
      for (const [name, count] of Object.entries(acts)) {
        this.counts[name] = (this.counts[name] ?? 0) + count;
      }
      this.faults.push(...errors.map((error) => `a proxy met what it does not know: ${error}`));
    }
    return this.faults;
  }

  // How often the messages of these letters were handed out to all nodes together; of two lives of the stream the more
  // often. Nothing where nodes reach the broker without a proxy.
  async #deliveriesOf(letters) {
    if (this.proxies.nats.length === 0) {
      return undefined;
    }
    const places = [...new Set(letters.map(({headers}) => Number(headers['Ledgerd-Sequence'])))];
    const each = new Map(); // by place and time
    for (const proxy of this.proxies.nats) {
      for (const [name, count] of await proxy.deliveriesOf(places)) {
        each.set(name, (each.get(name) ?? 0) + count);
      }
    }
    const result = new Map();
    for (const [name, count] of each) {
      const place = Number(name.split(' ')[0]);
      result.set(place, Math.max(count, result.get(place) ?? 0));
    }
    return result;
  }

  async close() {
    for (const end of this.closing) {
      await end();
    }
    await this.traffic.close();
    this.host?.close();
  }
}
