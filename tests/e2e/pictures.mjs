// The pictures of the docs, of two nodes at work: node pictures.mjs BINARY FOLDER
//
// For two minutes they decide requests, also a few that cannot be decoded. It takes the page as it is then.

import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

import {Browser} from './browser.mjs';
import {Random} from './random.mjs';
import {makeMessages} from './requests.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, World} from './world.mjs';

const [binary, folder] = process.argv.slice(2);
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const seconds = 120; // what the page's chart shows
const height = 1400;
const views = [['page-light', 1440, 'light'], ['page-dark', 1440, 'dark'], ['page-narrow', 320, 'light']];

// As many as a tenth of a second has, more and less of them by the minute.
const howMany = (second) => Math.round(40 + 25 * Math.sin(second / 9) + 10 * Math.sin(second / 2.3));

async function work(traffic, second, messages) {
  await traffic.publish(messages.splice(0, howMany(second)));
  await sleep(100);
}

async function takePictures(tab, more) {
  for (const [name, width, scheme] of views) {
    await tab.size(width, 900);
    await tab.prefer(scheme);
    await tab.run(() => scrollTo(0, 0));
    await more(1.5);
    await tab.picture(join(folder, `${name}.png`), {height});
    log(`${name}.png`);
  }
}

await conclude(async () => {
  mkdirSync(folder, {recursive: true});
  const world = new World(binary);
  const traffic = await Traffic.open(world.natsUrl);
  await traffic.provision(30);
  const nodes = [];
  for (const name of ['seoul-1', 'seoul-2']) {
    nodes.push(await world.daemon(name, '--roles', 'ledger,account'));
    await nodes.at(-1).ready();
  }
  const messages = makeMessages(new Random(1), 100000)
    .filter(({payload, reason}, n) => payload.length < 10000 && (reason === null || n % 50 === 0));
  const browser = await Browser.launch();
  const tab = await browser.tab();
  await tab.goto(`${nodes[0].url}/`);
  const began = performance.now();
  const more = async (forSeconds) => {
    for (const until = performance.now() + forSeconds * 1000; performance.now() < until;) {
      await work(traffic, (performance.now() - began) / 1000, messages);
    }
  };
  await more(seconds);
  await takePictures(tab, more);
  browser.end();
  await traffic.close();
  await Promise.all(nodes.map((node) => node.stop()));
  return [];
}, log);
