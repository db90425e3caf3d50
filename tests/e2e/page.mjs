// The live page in a real Chromium: node page.mjs BINARY
//
// What it shows is what /metrics and the database hold; it asks for a token; hostile payloads stay text; it is usable
// at 320 pixels and by keyboard alone; its policy is never broken; it is light and fast; it says when it hears nothing.

import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';

import {connect} from 'nats';

import {Browser} from './browser.mjs';
import {conclude, until, World} from './world.mjs';

const [binary] = process.argv.slice(2);
const log = (text) => console.log(`${(performance.now() / 1000).toFixed(1).padStart(6)} s  ${text}`);

const bytesMax = 150 * 1024;
const paintMax = 200; // milliseconds more than a page of one word, the best of a few; so much is promised where
const wordUsual = 100; // milliseconds go to the word, and in proportion on a slower machine
const hostile = '<img src=x onerror="globalThis.hacked=1"><script>globalThis.hacked=2</script>';
const token = 'operator-and-reader-0123456789abcdef';

const axe = readFileSync(new URL('node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
const state = (tab) => tab.run(() => document.documentElement.dataset.state);
const isState = (tab, wanted, seconds = 15) => until(`the page is ${wanted}`, seconds, async () => (await state(tab)) === wanted);
const number = (text) => Number(text.replace(/[^\d.]/g, ''));

// Requests of every outcome; some are hostile. Returns how many of each there must be.
async function publish(world) {
  const nats = await connect({servers: world.natsUrl});
  const jetstream = nats.jetstream();
  const request = (recordId, userId, amount, type = 'DEPOSIT') => jetstream.publish(`transaction.${type.toLowerCase()}`,
    JSON.stringify({recordId, userId, amount: String(amount), currency: 'KRW', type}));
  const sent = [];
  for (let id = 1; id <= 400; ++id) {
    sent.push(request(id, `user-${id % 20}`, id));
  }
  await Promise.all(sent);
  for (let id = 401; id <= 430; ++id) {
    sent.push(request(id, `user-${id % 20}`, 1e9, 'WITHDRAWAL'));
  }
  for (let id = 1; id <= 10; ++id) {
    sent.push(request(id, `user-${id % 20}`, id)); // again
  }
  sent.push(request(431, hostile.slice(0, 128), 7));
  for (let i = 0; i < 5; ++i) {
    sent.push(jetstream.publish('transaction.deposit', hostile));
  }
  sent.push(jetstream.publish('transaction.deposit', JSON.stringify({recordId: 500, userId: hostile, amount: '-1', currency: 'KRW'})));
  await Promise.all(sent);
  await nats.close();
  return {applied: 401, refused: 30, duplicate: 10, parked: 6};
}

async function metrics(daemon) {
  const answer = await fetch(`${daemon.url}/metrics`, {headers: {Authorization: `Bearer ${token}`}});
  const text = await answer.text();
  return Object.fromEntries([...text.matchAll(/^ledgerd_entries_total\{outcome="(\w+)"\} (\d+)/gm)].map(([, outcome, value]) => [outcome, Number(value)]));
}

// What the fetchers say in the dump of the log.
async function dumped(daemon, outcomes) {
  const before = daemon.log.length;
  daemon.child.kill('SIGUSR1');
  const lines = () => [...daemon.log.slice(before).matchAll(/dump: (\{.*\}) \[actor_dump\]$/gm)].map(([, line]) => JSON.parse(line));
  await until('the dump is in the log', 15, () => lines().some((line) => line.hotAccounts));
  const fetchers = lines().filter(({actor}) => actor === 'fetcher');
  const total = (outcome) => fetchers.reduce((sum, {values}) => sum + values[`${outcome}_total`], 0);
  return Object.fromEntries(outcomes.map((outcome) => [outcome, total(outcome)]));
}

// --- what is checked

async function givesToken(tab) {
  await isState(tab, 'token');
  assert.equal(await tab.run(() => document.querySelector('#token-dialog').open), true);
  assert.equal(await tab.run(() => document.activeElement.id), 'token', 'the field has the focus');
  await tab.type('no-such-token-0123456789abcdef');
  await tab.press('Enter');
  await until('a wrong token is asked for again', 15, () => tab.run(() => document.querySelector('#token-dialog').open
    && document.querySelector('#token-why').textContent.includes('does not know')));
  await tab.type(token);
  await tab.press('Enter');
  await isState(tab, 'live');
  assert.equal(await tab.run(() => location.href.includes('0123456789')), false, 'the token stands in the address');
  assert.equal(await tab.run(() => document.body.innerText.includes('0123456789')), false, 'the token stands in the page');
  log('a token was asked for, a wrong one refused, the right one taken');
}

async function showsTheTruth(tab, world, daemon, wanted) {
  const shown = async () => {
    const totals = {};
    for (const outcome of Object.keys(wanted)) {
      totals[outcome] = number(await tab.text(`total-${outcome}`));
    }
    return totals;
  };
  await until('the page shows what was decided', 30, async () => JSON.stringify(await shown()) === JSON.stringify(wanted));
  assert.deepEqual(await metrics(daemon), wanted);
  assert.deepEqual(await dumped(daemon, Object.keys(wanted)), wanted);
  const rows = Object.fromEntries(world.query('SELECT status, count(*) FROM ledger.transactions GROUP BY 1').map(([status, count]) => [status, Number(count)]));
  assert.deepEqual(rows, {SUCCESS: wanted.applied, FAILED: wanted.refused});
  // The streams are looked at once a second.
  await until('the page shows what was published', 15, async () => number(await tab.text('total-published')) === 400 + 30 + 10 + 1 + 6);
  await until('the page is at rest', 15, async () => /At rest|flows/.test(await tab.text('verdict-text')));
  assert.equal(await tab.text('refusals'), `Refused for: INSUFFICIENT_FUNDS ${wanted.refused}`);
  assert.match(await tab.text('node-rows'), /page.*serving/);
  assert.match(await tab.text('flow-note'), /of 1 node;/);
  assert.match(await tab.text('actors'), /p99 since start/, 'a time since the start stands unlabelled beside those of the last seconds');
  assert.match(await tab.text('change-rows'), /shards_moved cluster: this node has 16384 of 16384 shards, 0 before/);
  log(`page, dump, /metrics and database agree: ${JSON.stringify(wanted)}`);
}

async function looksUp(tab) {
  const answer = async (what, key) => {
    await tab.run((kind, text) => {
      document.querySelector(`#lookup-form [value=${kind}]`).click();
      document.querySelector('#lookup-key').value = text;
      document.querySelector('#lookup-form [type=submit]').click();
    }, what, key);
    await until(`an answer about ${key}`, 15, () => tab.run(() => !document.querySelector('#lookup-answer').hasAttribute('aria-busy')
      && document.querySelector('#lookup-answer').childElementCount > 0));
    return tab.text('lookup-answer');
  };
  const account = await answer('account', 'user-7');
  assert.match(account, /KRW/);
  assert.match(account, /SUCCESS/);
  const strange = await answer('account', hostile.slice(0, 128));
  assert.match(strange, /KRW7/);
  assert.match(await answer('account', 'nobody'), /Nothing is known/);
}

async function letters(tab) {
  await until('the dead letters are shown', 20, () => tab.run(() => document.querySelectorAll('#letter-rows tr').length === 6
    || document.querySelector('#letters-empty').textContent.startsWith('Not available')));
  if (await tab.run(() => document.querySelectorAll('#letter-rows tr').length === 0)) {
    return log('this node has no dead letters to show');
  }
  assert.equal(await tab.run(() => document.querySelectorAll('#letter-rows tr').length), 6);
  await tab.run(() => document.querySelector('#letter-rows tr:last-child td:last-child button').focus());
  await tab.press('Enter');
  await until('the letter is shown', 15, () => tab.run(() => !document.querySelector('#edit-form').hidden));
  assert.equal(await tab.run(() => [...document.querySelectorAll('#letter-answer pre')].at(-1).textContent), hostile);
  await tab.press('Escape');
  await until('the focus comes back', 10, () => tab.run(() => document.activeElement.textContent === 'Look' && !document.querySelector('dialog[open]')));
  await tab.run(() => document.querySelector('#group-rows button').click());
  await until('only that cause is shown', 15, () => tab.run(() => document.querySelector('#filter-shown').textContent !== ''));
  await until('the buttons may be pressed', 15, () => tab.run(() => !document.querySelector('#letters [data-do=dry]').disabled));
  await tab.run(() => document.querySelector('#letters [data-do=dry]').click());
  await until('the dry run says what would come of it', 20, () => tab.run(() => /letters/.test(document.querySelector('#repair-answer .conclusion')?.textContent)));
  await tab.press('Escape');
  await until('the dialog is closed', 10, () => tab.run(() => !document.querySelector('dialog[open]')));
  log('letters were looked at and tried');
}

const active = (tab) => tab.run(() => document.activeElement.id);
const result = (tab) => tab.run(() => document.querySelector('#repair-answer .conclusion')?.textContent ?? '');
const says = (tab, wanted) => until(`the dialog says \`${wanted}\``, 20, async () => await result(tab) === wanted);

// To the element with this id, by the Tab key alone.
async function tabTo(tab, id, most = 40) {
  for (let i = 0; i < most && await active(tab) !== id; ++i) {
    await tab.press('Tab');
  }
  assert.equal(await active(tab), id, 'the keyboard does not get there');
}

async function hasResult(tab, wanted) {
  await says(tab, wanted);
  assert.equal(await tab.run(() => document.activeElement.className), 'conclusion', 'the focus is not on what came of it');
}

async function lettersHeld(world) {
  const nats = await connect({servers: world.natsUrl});
  const {state: {messages}} = await (await nats.jetstreamManager()).streams.info('TRANSACTION_DEAD_LETTERS');
  await nats.close();
  return messages;
}

// Holds back what the page asks for at this address, until it is let go.
const holdBack = (tab, part) => tab.run((wanted) => {
  const ask = globalThis.fetch;
  const held = new Promise((resolve) => { globalThis.letGo = resolve; });
  globalThis.fetch = async (address, ...rest) => {
    if (String(address).includes(wanted)) {
      await held;
    }
    return ask(address, ...rest);
  };
}, part);
const letGo = (tab) => tab.run(() => { globalThis.letGo(); });
const mayGo = (tab) => tab.run(() => !document.querySelector('#repair-go').disabled);

// By keyboard alone: discards the letters of the cause that is shown, and says so only when it is done.
async function discards(tab, world, count) {
  await holdBack(tab, '/v1/dead-letters/discard');
  await tab.run(() => document.querySelector('#letters [data-do=discard]').focus());
  await tab.press('Enter');
  await until('the dialog asks what would come of it', 15, () => tab.run(() => /Asking/.test(document.querySelector('#repair-answer').textContent)));
  assert.equal(await mayGo(tab), false, 'letters can be discarded before anybody has seen which');
  await letGo(tab);
  await says(tab, `${count} of ${count} letters would be discarded`);
  const items = await tab.run(() => document.querySelector('#repair-answer pre').textContent);
  assert.equal(items.match(/^letter \d+: would be discarded$/gm).length, count, items);
  assert.equal(await mayGo(tab), true);
  assert.equal(await lettersHeld(world), count + 1, 'a dry run discards');
  await tabTo(tab, 'repair-why');
  await tab.type('poison of a test');
  await tabTo(tab, 'repair-go');
  await tab.press('Enter');
  await hasResult(tab, `${count} of ${count} letters discarded`);
  assert.equal(await lettersHeld(world), 1);
  await tab.press('Escape');
  await until('the focus is at the letters', 10, async () => await active(tab) === 'letters-title');
  await tab.run(() => document.querySelector('#filter-clear').click());
  await until('only the other letter is shown', 15, () => tab.run(() => document.querySelectorAll('#letter-rows tr').length === 1));
}

// By keyboard alone: mends a letter and replays it.
async function replays(tab, world) {
  await tab.run(() => document.querySelector('#letter-rows td:last-child button').focus());
  await tab.press('Enter');
  await until('the letter is shown', 15, () => tab.run(() => !document.querySelector('#edit-form').hidden));
  await tabTo(tab, 'edit-payload');
  await tab.run(() => document.querySelector('#edit-payload').select());
  await tab.type(JSON.stringify({recordId: 500, userId: 'mended', amount: '3', currency: 'KRW'}));
  await tab.run(() => document.querySelector('#edit-form [type=submit]').focus());
  await tab.press('Enter');
  await says(tab, '1 of 1 letter would be published again');
  assert.deepEqual(world.query('SELECT 1 FROM ledger.transactions WHERE record_id = 500'), []);
  await tabTo(tab, 'repair-go');
  await tab.press('Enter');
  await hasResult(tab, '1 of 1 letter published again');
  await until('it is applied', 15, () => world.query('SELECT status FROM ledger.transactions WHERE record_id = 500').length === 1);
  await tab.press('Escape');
  await until('the dialog is closed', 10, () => tab.run(() => !document.querySelector('dialog[open]')));
  log('letters were discarded and replayed by keyboard');
}

async function staysText(tab) {
  assert.equal(await tab.run(() => globalThis.hacked), undefined, 'a payload was run');
  assert.equal(await tab.run(() => document.querySelectorAll('main img, main script, main iframe').length), 0);
  assert.deepEqual(tab.breaches, [], 'the policy was broken');
  assert.deepEqual(tab.exceptions, [], 'a script failed');
}

// What has the focus, and whether that is seen.
const focus = () => {
  const {activeElement: at} = document;
  const style = getComputedStyle(at);
  return {id: at.id, name: at.textContent.trim().slice(0, 30), tag: at.tagName, seen: at === document.body || style.outlineStyle !== 'none'};
};

async function worksByKeyboard(tab) {
  await tab.run(() => { document.activeElement?.blur(); scrollTo(0, 0); });
  await tab.press('Tab');
  const first = await tab.run(focus);
  assert.match(first.name, /^Skip/);
  await until('the skip link shows itself', 5, () => tab.run(() => document.activeElement.getBoundingClientRect().top >= 0));
  await tab.press('Enter');
  assert.equal(await tab.run(() => document.activeElement.id), 'main');
  const stops = [];
  for (let i = 0; i < 150 && stops.at(-1)?.id !== 'lookup-key'; ++i) {
    await tab.press('Tab');
    stops.push(await tab.run(focus));
  }
  assert.equal(stops.at(-1).id, 'lookup-key', `the look-up is not reached: ${JSON.stringify(stops)}`);
  assert.deepEqual(stops.filter(({seen}) => !seen), [], 'a focus that nobody sees');
  await tab.run(() => { document.querySelector('#lookup-form [value=record]').click(); document.querySelector('#lookup-key').value = ''; });
  await tab.run(() => document.querySelector('#lookup-key').focus());
  await tab.type('42');
  await tab.press('Enter');
  await until('the story of record 42', 15, () => tab.run(() => document.querySelector('#lookup-answer .conclusion, #lookup-answer .empty') !== null));
  assert.match(await tab.text('lookup-answer'), /user-2|decided|SUCCESS|Nothing is known/);
  log(`${stops.length} stops of the keyboard, each of them seen`);
}

async function fits(tab) {
  await tab.run(() => document.querySelectorAll('details').forEach((each) => { each.open = true; }));
  for (const width of [320, 375, 768, 1440]) {
    await tab.size(width, 800);
    let wide;
    await until(`all fits into ${width} pixels`, 10, async () => { // the chart is drawn anew
      await sleep(200);
      wide = await tab.run(() => {
        const limit = document.documentElement.clientWidth;
        const inScroll = (node) => node.closest('.scroll, nav, dialog:not([open]), pre') !== null;
        const out = [...document.querySelectorAll('body *')].filter((node) => !inScroll(node) && node.getBoundingClientRect().right > limit + 1);
        return {
          limit, page: document.documentElement.scrollWidth - limit, out: out.slice(0, 5).map((node) => `${node.tagName}#${node.id}.${node.className}`),
        };
      });
      return wide.limit === width && wide.page === 0 && wide.out.length === 0;
    }).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(wide)}`); });
  }
  await tab.run(() => document.querySelectorAll('details').forEach((each) => { each.open = false; }));
  await tab.size(1440, 900);
  log('nothing sticks out at 320, 375, 768 and 1440 pixels');
}

async function isAccessible(tab) {
  await tab.inject(axe);
  for (const scheme of ['light', 'dark']) {
    await tab.prefer(scheme, 'reduce');
    await sleep(500);
    const faults = await tab.run(async () => {
      const {violations} = await globalThis.axe.run(document, {
        runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
      });
      return violations.map(({id, nodes}) => `${id}: ${nodes.slice(0, 3).map(({target, failureSummary}) => `${target} ${failureSummary}`).join(' | ')}`);
    });
    assert.deepEqual(faults, [], scheme);
  }
  await tab.prefer('light');
  log('axe finds nothing, in light and dark');
}

// When something of a page is seen first, in milliseconds from the start of its navigation.
async function firstPaint(tab, url) {
  await tab.goto(url);
  return until('the first paint', 20, () => tab.run(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime));
}

// A page of one word shows what this machine takes for any page at this moment: a busy one takes long.
async function isLightAndFast(browser, daemon) {
  const word = createServer((request, answer) => answer.setHeader('Content-Type', 'text/html').end('<!doctype html><title>x</title>word'));
  await new Promise((resolve) => { word.listen(0, '127.0.0.1', resolve); });
  const tab = await browser.tab();
  await tab.send('Network.setCacheDisabled', {cacheDisabled: true});
  const times = [];
  for (let i = 0; i < 6; ++i) {
    const least = await firstPaint(tab, `http://127.0.0.1:${word.address().port}/`);
    times.push({paint: await firstPaint(tab, `${daemon.url}/`), least});
  }
  word.close();
  const {bytes, files} = await tab.run(() => {
    const own = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].filter(({name}) => !name.includes('/v1/'));
    return {bytes: own.reduce((sum, each) => sum + each.transferSize, 0), files: own.length};
  });
  log(`first paint after ${times.map(({paint, least}) => `${paint.toFixed(0)} (a word: ${least.toFixed(0)})`).join(', ')} ms; `
    + `${(bytes / 1024).toFixed(0)} KiB in ${files} files`);
  const best = Math.min(...times.map(({paint, least}) => Math.max(0, paint - least) / Math.max(1, least / wordUsual)));
  assert.ok(best < paintMax, `the first paint takes ${best} ms more than that of a word, in proportion to it`);
  assert.ok(bytes > 50000 && bytes < bytesMax, `${bytes} bytes`);
}

async function saysWhenItHearsNothing(tab, daemon) {
  daemon.child.kill('SIGSTOP');
  await isState(tab, 'stale');
  await until('it says for how long', 10, async () => /last heard ([4-9]|\d\d) s ago/.test(await tab.text('heard')));
  daemon.child.kill('SIGCONT');
  await isState(tab, 'live', 20);
  log('stale while the node is stopped, live again afterwards');
}

async function saysWhenTheNodeEnds(tab, daemon) {
  const states = new Set();
  const ended = daemon.stop();
  await until('the page knows that the node has gone', 30, async () => {
    states.add(await state(tab));
    return states.has('lost');
  });
  await ended;
  assert.match(await tab.text('verdict-text'), /Nobody knows/);
  log(`states at the end: ${[...states].join(', ')}`);
}

async function page(world) {
  const tokens = join(world.directory, 'tokens');
  writeFileSync(tokens, `operator operate,read ${token}\n`, {mode: 0o600});
  const daemon = await world.daemon('page', '--roles', 'ledger,account', '--http-token-file', tokens);
  await daemon.ready();
  const browser = await Browser.launch();
  await isLightAndFast(browser, daemon);
  const tab = await browser.tab();
  await tab.size(1440, 900);
  await tab.goto(`${daemon.url}/`);
  await givesToken(tab);
  const wanted = await publish(world);
  await showsTheTruth(tab, world, daemon, wanted);
  await looksUp(tab);
  await letters(tab);
  await fits(tab);
  await worksByKeyboard(tab);
  await discards(tab, world, 5);
  await replays(tab, world);
  await isAccessible(tab);
  await saysWhenItHearsNothing(tab, daemon);
  await staysText(tab);
  await saysWhenTheNodeEnds(tab, daemon);
  assert.deepEqual(tab.breaches, []);
  browser.end();
  return [];
}

const world = new World(binary);
await conclude(() => page(world), log);
