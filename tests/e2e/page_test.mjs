// The pure parts of the live page, by tables.

import assert from 'node:assert/strict';
import {cpSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, test} from 'node:test';
import {fileURLToPath, pathToFileURL} from 'node:url';

// Browsers take the files for modules; Node.js has to be told.
const folder = mkdtempSync(join(tmpdir(), 'ledgerd-page.'));
cpSync(fileURLToPath(new URL('../../app/page/files', import.meta.url)), folder, {recursive: true});
writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
after(() => rmSync(folder, {recursive: true}));
const load = (name) => import(pathToFileURL(join(folder, name)).href);

const {clock, count, micros, millis, quantile, rate} = await load('format.js');
const {decidedRate, oldestText, picture, pictureOf, verdict} = await load('verdict.js');
const {niceTop} = await load('chart.js');
const {auditLine, findings} = await load('overview.js');
const {kinds} = await load('inside.js');
const {parse} = await load('link.js');

test('what nobody knows is a dash and no zero', () => {
  for (const show of [count, rate, micros, millis]) {
    assert.equal(show(null), '–');
    assert.equal(show(undefined), '–');
    assert.notEqual(show(0), '–');
  }
  assert.equal(clock(null), '–');
  assert.equal(clock('nonsense'), '–');
});

test('numbers and durations read as people say them', () => {
  for (const [value, text] of [[0, '0'], [0.25, '0.3'], [9.94, '9.9'], [1284.4, '1,284']]) {
    assert.equal(rate(value), text);
  }
  for (const [value, text] of [[0, '0 µs'], [340, '340 µs'], [5300, '5.3 ms'], [250000, '250 ms'], [1234567, '1.2 s'], [59e6, '59 s'],
    [200e6, '3 min'], [2 * 3600e6 + 300e6, '2 h 5 min'], [5 * 86400e6, '5 d']]) {
    assert.equal(micros(value), text);
  }
});

test('quantiles lie within their bucket', () => {
  assert.equal(quantile({buckets: [[100, 0], [null, 0]]}, 0.5), null);
  assert.equal(quantile(undefined, 0.5), null);
  assert.equal(quantile({buckets: [[100, 2], [200, 2], [null, 0]]}, 0.5), 100);
  assert.equal(quantile({buckets: [[100, 2], [200, 2], [null, 0]]}, 0.75), 150);
  assert.equal(quantile({buckets: [[100, 0], [200, 0], [null, 3]]}, 0.99), 200);
});

test('integers keep their digits', () => {
  assert.deepEqual(parse('{"recordId":9223372036854775807,"seq":12,"text":"9223372036854775807: \\" 1","amount":1.5}'),
    {recordId: '9223372036854775807', seq: 12, text: '9223372036854775807: " 1', amount: 1.5});
});

test('what another node audits is neither clean nor found here', () => {
  const off = {onDuty: false, findings: null, ageSeconds: null, behindSeconds: null, rows: null};
  const on = {onDuty: true, findings: 0, ageSeconds: 5, behindSeconds: 35, rows: 70};
  for (const [audit, level, text] of [
    [null, 'unknown', 'This node does not audit. `ledgerd audit` looks now.'],
    [off, 'unknown', 'Another node audits for all now.'],
    [{...off, findings: 0, rows: 7}, 'unknown', 'Another node audits for all now. This one before: Clean: 7 rows looked at.'],
    [{...off, findings: 2, rows: 7}, 'bad', 'Another node audits for all now. This one before: 2 findings: 7 rows looked at.'],
    [{...off, onDuty: true, behindSeconds: 9}, 'unknown', 'This node has not looked yet. `ledgerd audit` looks now.'],
    [on, 'good', 'Clean: 70 rows looked at, the last time 5.0 s ago; all that is older than 35 s'],
    [{...on, onDuty: false}, 'good', 'Clean: 70 rows looked at, the last time 5.0 s ago; all that is older than 35 s'],
    [{...on, findings: 1}, 'bad', '1 findings: 70 rows looked at, the last time 5.0 s ago; all that is older than 35 s'],
    [{...on, behindSeconds: 7200}, 'watch', 'Clean: 70 rows looked at, the last time 5.0 s ago; it is behind by 2 h 0 min'],
  ]) {
    assert.deepEqual(auditLine(audit), [level, text]);
  }
});

const calm = (change = {}) => ({
  node: {name: 'a', doing: 'serving'}, checks: [{name: 'database', ok: true}], circuitOpen: 0, consumers: [{name: 'd', oldestUndecidedMs: 20}], standing: [],
  aside: {accounts: 0, waiting: 0, oldestMs: 0}, cluster: null,
  flow: {applied: 10, refused: 1, duplicate: 0, parked: 0, published: 11}, ...change,
});

const aged = (oldestUndecidedMs) => [{name: 'd', oldestUndecidedMs}];
const still = {applied: 0, refused: 0, duplicate: 0, parked: 0, published: 0};

test('the verdict says the worst thing first', () => {
  const draining = {name: 'draining', ok: false, detail: 'shutting down'};
  for (const [change, level, text] of [
    [{}, 'good', /^Money flows: 11 requests/],
    [{flow: still}, 'good', /^At rest/],
    [{flow: {applied: null, refused: null, duplicate: null, parked: null, published: null}}, 'unknown', /a second more/],
    [{flow: {applied: 5, refused: 0, duplicate: 0, parked: 2, published: 7}}, 'watch', /2\.0 messages a second are parked/],
    [{aside: {accounts: 1, waiting: 4, oldestMs: 1}}, 'watch', /not for every account/],
    [{aside: {accounts: 1, waiting: 0, oldestMs: 0}}, 'good', /^Money flows: 11 requests/], // repaired, and not yet back
    [{consumers: [{name: 'd', oldestUndecidedMs: 7000}, {name: 'w', oldestUndecidedMs: null}]}, 'watch', /waiting for 7\.0 s/],
    [{consumers: aged(7000)}, 'watch', /^Money flows, and falls behind/],
    [{consumers: aged(7000), flow: still, aside: {accounts: 1}}, 'watch', /^Nothing is decided: a request has been waiting/],
    [{consumers: [{name: 'd', oldestUndecidedMs: 0}, {name: 'w', oldestUndecidedMs: null}], flow: still}, 'unknown', /^Nothing is decided/],
    [{consumers: null, flow: still}, 'unknown', /^Nothing is decided/],
    [{cluster: {silent: 1, nodes: [{name: 'b', silent: true}]}}, 'watch', /a node is silent/],
    [{checks: [{name: 'streams', ok: false, detail: 'x is missing'}], consumers: aged(7000)}, 'bad', /not ready/],
    [{circuitOpen: 2, checks: [{name: 'database', ok: false, detail: 'away'}]}, 'bad', /database is away/],
    [{node: {doing: 'draining'}, checks: [draining], circuitOpen: 1}, 'watch', /draining/],
    [{node: {doing: 'starting'}, checks: [{name: 'broker', ok: false, detail: 'refused'}]}, 'watch', /starting/],
  ]) {
    const found = verdict(calm(change));
    assert.equal(found.level, level, JSON.stringify(change));
    assert.match(found.text, text);
  }
});

test('an account that is set aside is trouble while something of it waits', () => {
  const said = (aside) => findings({...calm({checks: []}), streams: {deletedUnread: 0}, aside}).map(({level, why}) => `${level}: ${why}`);
  assert.deepEqual(said({accounts: 0, waiting: 0, oldestMs: 0}), []);
  assert.deepEqual(said({accounts: 1, waiting: 2, oldestMs: 7000}), ['watch: 1 account, 2 entries, the longest for 7.0 s']);
  assert.deepEqual(said({accounts: 1, waiting: 0, oldestMs: 0}), ['good: 1 account, of which nothing waits: back with the others after some quick postings, or a minute of rest']);
});

test('a consumer of which this node does not know what waits is named while money flows', () => {
  const found = verdict(calm({consumers: [...aged(20), {name: 'w', oldestUndecidedMs: null}]}));
  assert.equal(found.level, 'good');
  assert.match(found.why, /what waits at w$/);
  assert.equal(verdict(calm()).why, '');
});

test('the oldest request is the greatest that is known, and none only when all say so', () => {
  const said = (consumers) => oldestText(picture(calm({consumers})));
  const both = (one, other) => said([...aged(one), {name: 'w', oldestUndecidedMs: other}]);
  assert.deepEqual([both(0, 0), both(20, 0), both(20, null), both(0, null), said(null), said([])],
    ['none', '20.0 ms', 'at least 20.0 ms', '–', '–', '–']);
});

test('the key changes with what somebody should be told and not with each number', () => {
  const key = (change) => verdict(calm(change)).key;
  assert.equal(key({consumers: aged(7000)}), key({consumers: aged(9000)}));
  assert.notEqual(key({}), key({consumers: aged(9000)}));
  assert.notEqual(key({checks: [{name: 'a', ok: false}]}), key({checks: [{name: 'b', ok: false}]}));
});

test('several nodes decide together what is known of them', () => {
  const nodes = [{decidedPerSecond: 5}, {decidedPerSecond: null}, {decidedPerSecond: 7}];
  assert.equal(decidedRate(calm({cluster: {nodes}})), 12);
  const silent = nodes.slice(1, 2).concat(nodes.slice(1, 2));
  assert.equal(decidedRate(calm({cluster: {nodes: silent}, flow: still})), null);
  assert.equal(decidedRate(calm({cluster: {nodes: silent}})), 11); // this node's own
  // The nodes' words have not changed yet, and this one decides.
  const unchanged = {cluster: {nodes: [{decidedPerSecond: 0}, {decidedPerSecond: 0}]}};
  assert.match(verdict(calm(unchanged)).text, /^Money flows: 11 requests/);
  assert.match(verdict(calm({...unchanged, flow: still})).text, /^At rest/);
});

// What the nodes that answer do together, of which this one does the least.
const joint = (change = {}, flow = {}) => ({
  nodes: 3, answered: 3, entries: {applied: 900, refused: 10, duplicate: 0, parked: 0},
  flow: {nodes: 3, applied: 300, refused: 3, duplicate: 0, parked: 0, series: {applied: [290, 300]}, ...flow}, consumers: aged(20), ...change,
});

test('the main picture is that of all nodes that answer, and says of how many', () => {
  const shown = picture(calm({together: joint()}));
  assert.equal(shown.flow.applied, 300);
  assert.equal(shown.flow.published, 11);
  assert.equal(shown.entries.applied, 900);
  for (const [together, text] of [
    [joint(), 'of 3 nodes'], [joint({nodes: 1, answered: 1}, {nodes: 1}), 'of 1 node'],
    [joint({answered: 2}, {nodes: 2}), 'of those that answer: 2 of 3 nodes'],
    [joint({}, {nodes: 2}), 'of those that answer: 2 of 3 nodes'], // one has only just come
    [joint({}, {nodes: 0, applied: null}), 'of 3 nodes'],
    [joint({answered: 0}), 'of this node'], [null, 'of this node alone: the cluster has not answered'],
  ]) {
    assert.equal(pictureOf(picture(calm({together}))), text);
  }
  assert.equal(picture(calm({together: null})).flow.applied, 10);
  assert.equal(picture(calm({together: joint({answered: 0})})).flow.applied, 10);
});

test('the verdict is that of the main picture', () => {
  const of = (together, change) => verdict(calm({together, ...change}));
  assert.match(of(joint()).text, /^Money flows: 303 requests/);
  assert.match(of(joint({consumers: aged(7000)})).text, /waiting for 7\.0 s/);
  assert.match(of(joint({}, {parked: 2})).text, /2\.0 messages a second are parked/);
  const rest = joint({}, {applied: 0, refused: 0});
  assert.match(of(rest, {consumers: aged(null)}).text, /^At rest/); // another node knows that nothing waits
  const unheard = of({...rest, answered: 2, flow: {...rest.flow, nodes: 2}});
  assert.match(unheard.text, /nobody knows whether something waits/);
  assert.equal(unheard.why, '2 of 3 nodes say what they do');
});

test('what a node that does not answer holds may be older', () => {
  const oldest = (change, flow) => oldestText(picture(calm({together: joint(change, flow)})));
  assert.equal(oldest(), '20.0 ms');
  assert.equal(oldest({answered: 2}, {nodes: 2}), 'at least 20.0 ms');
  assert.equal(oldest({answered: 2, consumers: aged(0)}, {nodes: 2}), '–');
});

test('the chart ends at a round number', () => {
  for (const [most, top] of [[1, 1], [1.2, 2], [3, 5], [7, 10], [1284, 2000], [100, 100]]) {
    assert.equal(niceTop(most), top);
  }
});

test('actors are counted by kind and what one of them does not say is not known', () => {
  const [gate, fetcher] = kinds([
    {actor: 'gate', values: {mailbox: 1, messages_total: 10, busy_ms: 0}, histograms: {mailbox_time: {buckets: [[100, 1], [null, 0]]}}},
    {actor: 'gate', values: {mailbox: 2, messages_total: 20, busy_ms: 7}, histograms: {}},
    {actor: 'fetcher', answered: false, values: {}, histograms: {}},
  ]);
  assert.deepEqual({...gate, mailboxUs: Math.round(gate.mailboxUs)},
    {name: 'gate', count: 2, silent: 0, mailbox: 3, messages: 30, mailboxUs: 99, handlerUs: null, busyMs: 7});
  assert.deepEqual(fetcher, {name: 'fetcher', count: 1, silent: 1, mailbox: null, messages: null, mailboxUs: null, handlerUs: null, busyMs: -1});
});
