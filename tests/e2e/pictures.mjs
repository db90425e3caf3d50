// The pictures of the docs, of two nodes at work: node pictures.mjs BINARY FOLDER
//
// For two minutes they decide requests, also a few that are parked. It takes the page as it is then, and keeps of which
// files it was, for the test house.pictures.

import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

import {digestName, digestOf} from '../house/pictures.mjs';
import {Browser} from './browser.mjs';
import {requests} from './load.mjs';
import {Random} from './random.mjs';
import {Traffic} from './traffic.mjs';
import {conclude, World} from './world.mjs';

const [binary, folder] = process.argv.slice(2);
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);
const seconds = 120; // what the page's chart shows
const height = 1400;
const views = [['page-light', 1440, 'light'], ['page-dark', 1440, 'dark'], ['page-narrow', 320, 'light']];

// As many as a tenth of a second has, more and less of them by the minute.
const howMany = (second) => Math.round(24 + 14 * Math.sin(second / 9) + 5 * Math.sin(second / 2.3));

// What a producer gets wrong now and then, the last time some seconds before the pictures are taken.
const mistakes = [
  {recordId: 900001, userId: 'user-17', amount: -5000, currency: 'KRW'},
  {recordId: 900002, userId: 'user-204', amount: 12000, currency: 'KRX'},
  {recordId: 900003, userId: 'user-31', amount: '19.99', currency: 'KRW'},
  {recordId: 12, userId: 'user-88', amount: 700, currency: 'KRW'}, // decided long ago, with another content
];

function* makeWork(mayErr) {
  const sound = requests(new Random(1), {accounts: 300, exponent: 0.8});
  for (let count = 1; ; ++count) {
    const mistake = count % 2500 === 0 && mayErr() && mistakes[(count / 2500 - 1) % mistakes.length];
    yield mistake ? {subject: 'transaction.deposit', payload: Buffer.from(JSON.stringify(mistake))} : sound.next().value;
  }
}

async function work(traffic, second, messages) {
  await traffic.publish(Array.from({length: howMany(second)}, () => messages.next().value));
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
  const browser = await Browser.launch();
  const tab = await browser.tab();
  await tab.goto(`${nodes[0].url}/`);
  const began = performance.now();
  const messages = makeWork(() => performance.now() - began < (seconds - 15) * 1000);
  const more = async (forSeconds) => {
    for (const until = performance.now() + forSeconds * 1000; performance.now() < until;) {
      await work(traffic, (performance.now() - began) / 1000, messages);
    }
  };
  await more(seconds);
  await takePictures(tab, more);
  writeFileSync(join(folder, digestName), `${digestOf(fileURLToPath(new URL('../../app/page/files', import.meta.url)))}\n`);
  browser.end();
  await traffic.close();
  await Promise.all(nodes.map((node) => node.stop()));
  return [];
}, log);
