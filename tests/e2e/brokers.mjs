// Two more nats-servers that form a cluster with a world's own, so that streams can have three replicas. They die with
// this process.
//
// Two servers that find each other from both sides sort their routes out, and now and then one of several routes is gone
// for good afterwards (nats-server #8527): the others are started again until all hear each other.

import {spawn} from 'node:child_process';
import {closeSync, mkdirSync, openSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

import {connect} from 'nats';

import {freePort} from './ports.mjs';
import {until} from './world.mjs';

const streams = [
  'TRANSACTIONS', 'TRANSACTION_RESULTS', 'TRANSACTION_DEAD_LETTERS', 'TRANSACTION_EXHAUSTED', 'TRANSACTION_ACTIONS',
];

const routesOf = (ports) => ports.map((port) => `nats-route://127.0.0.1:${port}`).join(', ');
const clusterOf = (port, ports) => `cluster { name: private, listen: "127.0.0.1:${port}", routes: [${routesOf(ports)}] }\n`;

// One of the others; it can be killed, frozen (STOP, CONT) and started again.
class Broker {
  constructor(at) {
    this.at = at;
    this.start();
  }

  start() {
    const log = openSync(join(this.at, 'nats.log'), 'a');
    const server = process.env.NATS_SERVER || 'nats-server';
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', server, '-c', join(this.at, 'nats.conf')], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
  }

  // By SIGTERM it tells the others that it goes.
  kill(signal = 'SIGKILL') {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return Promise.resolve();
    this.child.kill(signal);
    return new Promise((resolve) => this.child.once('close', resolve));
  }

  freeze(signal) {
    this.child.kill(`SIG${signal}`);
  }
}

export class Brokers {
  constructor(ports) {
    this.ports = ports; // of the routes
    this.others = []; // beside the world's own
  }

  static async plan() {
    return new Brokers([await freePort(), await freePort(), await freePort()]);
  }

  // For the configuration of the world's own.
  get first() {
    return clusterOf(this.ports[0], this.ports);
  }

  // Starts the others; returns the URLs of all.
  async join(world) {
    const urls = [world.natsUrl];
    for (const i of [1, 2]) {
      const port = await freePort();
      const at = join(world.directory, `broker${i}`);
      mkdirSync(at);
      const text = `server_name: broker${i}\nhost: 127.0.0.1\nport: ${port}\njetstream { store_dir: "${at}/store" }\n`
        + `${clusterOf(this.ports[i], this.ports)}${world.users.configuration}`;
      writeFileSync(join(at, 'nats.conf'), text);
      this.others.push(new Broker(at));
      urls.push(`nats://127.0.0.1:${port}`);
    }
    const connection = await connect({servers: urls[0]});
    await this.#meet(world, connection).finally(() => connection.close());
    return urls;
  }

  async #meet(world, connection) {
    for (let attempts = 1; !await this.#formed(connection); attempts++) {
      if (attempts === 5) {
        const logs = [join(world.servers, 'nats.log'), ...this.others.map(({at}) => join(at, 'nats.log'))];
        throw new Error(['the brokers do not find each other',
          ...logs.map((file) => `${file}:\n${readFileSync(file, 'utf8').slice(-2000)}`)].join('\n'));
      }
      for (const other of this.others) {
        await other.kill();
        other.start();
      }
    }
  }

  // They have a leader, and he has heard of all: a stream is made of which each keeps a copy.
  #formed(connection) {
    const probe = {name: 'COPIES', subjects: ['copies'], num_replicas: this.ports.length};
    return until('the brokers make a stream of three replicas', 20, async () => {
      await sleep(200);
      const manager = await connection.jetstreamManager({timeout: 1000}).catch(() => null);
      if (!manager) return false;
      await manager.streams.add(probe).catch(() => null);
      const info = await manager.streams.info(probe.name).catch(() => null);
      return info && hasCopies(info) && manager.streams.delete(probe.name).catch(() => false);
    }).then(() => true, () => false);
  }
}

const hasCopies = ({cluster}) => cluster?.leader && cluster.replicas?.length === 2
  && cluster.replicas.every(({current}) => current);

// Gives every stream three replicas, and waits until they are there.
export async function replicate(manager) {
  for (const name of streams) {
    const {config} = await manager.streams.info(name);
    await manager.streams.update(name, {...config, num_replicas: 3});
  }
  await until('every stream has three replicas', 60, async () => {
    const all = await Promise.all(streams.map((name) => manager.streams.info(name)));
    return all.every(hasCopies);
  });
}
