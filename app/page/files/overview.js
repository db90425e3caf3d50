// What each second's overview says: verdict, flow, what stands still, stages, nodes, changes, audit, settings.

import {Chart} from './chart.js';
import {$, each, el, fillTable, setAttribute, setLevel, setText, time, word} from './dom.js';
import {clock, count, micros, millis, number, percent, rate, unknown} from './format.js';
import {asideWaits, oldestText, picture, pictureOf, verdict} from './verdict.js';

const stageNames = {
  pull: 'Stored → pulled', decode: 'Decoded', decide: 'Decoded → verdict', gate: 'At the gate', commit: 'Commit',
  publish: 'Verdict → PubAck', ack: 'Acknowledged', end_to_end: 'Arrival → settled', record: 'Submission → record',
  request_publish: 'Record → PubAck', result_pull: 'Result → pulled', settle: 'Result → record', verdict_wait: 'Submission → verdict',
};
const stageOrder = Object.keys(stageNames);
const checkNames = {
  database: 'Database', 'account database': 'Account database', broker: 'Broker', streams: 'Streams', progress: 'Progress',
  letters: 'Dead letters', recovery: 'Recovery', name: 'Node name', commit: 'Commit', draining: 'Draining', schema: 'Schema',
};

let chart;
let spoken = '';

function showVerdict(overview) {
  const found = verdict(overview);
  setLevel($('verdict'), found.level);
  setText($('verdict-text'), found.text);
  setText($('verdict-why'), found.why);
  if (spoken !== found.key) {
    spoken = found.key;
    setText($('spoken'), `${found.text} ${found.why}`.trim());
  }
}

// Why this node's entries were refused, the most frequent reason first.
function showRefusals({refusals, cluster}) {
  const known = (refusals ?? []).filter((each) => each.count > 0).sort((a, b) => b.count - a.count);
  $('refusals').hidden = known.length === 0;
  setText($('refusals'), `Refused${atThisNode(cluster)} for: ${known.map((each) => `${each.reason} ${count(each.count)}`).join(', ')}`);
}

// What is not everybody's says so where there are others.
const atThisNode = (cluster) => (cluster?.known > 1 ? ' at this node' : '');

function showFlow(overview) {
  const {streams, inFlight, cluster} = overview;
  const shown = picture(overview);
  const {flow, entries} = shown;
  setText($('flow-note'), `entries a second over the last 5 s, ${pictureOf(shown)}; in small, all since the start`);
  for (const kind of ['applied', 'refused', 'parked', 'duplicate']) {
    setText($(`rate-${kind}`), rate(flow[kind]));
    setText($(`total-${kind}`), count(entries[kind]));
  }
  setText($('rate-published'), rate(flow.published));
  setText($('total-published'), streams.published === null ? unknown : `${count(streams.published)} in all`);
  setText($('oldest'), oldestText(shown));
  setText($('in-flight'), inFlight === null ? unknown : `${count(inFlight)} in flight${atThisNode(cluster)}`);
  chart ??= new Chart($('chart'), $('chart-top'));
  chart.draw(flow.series);
}

// Everything that a person on call looks for first, as a list of {key, level, name, why}.
export function findings({checks, standing, circuitOpen, aside, streams}) {
  const list = checks.filter((check) => check.name !== 'progress' || standing.length === 0)
    .map((check) => ({
      key: `check ${check.name}`, level: check.ok ? 'good' : 'bad', name: checkNames[check.name] ?? check.name,
      why: check.ok ? 'as it must be' : check.detail ?? 'not as it must be',
    }));
  for (const each of standing) {
    list.push({
      key: `standing ${each.who}`, level: each.movesMoney ? 'bad' : 'watch', name: each.who,
      why: `${each.what}, for ${millis(each.sinceMs)}${each.silent ? ' (it does not answer)' : ''}`,
    });
  }
  if (circuitOpen > 0) {
    list.push({key: 'circuit', level: 'bad', name: 'Circuit', why: `open at ${count(circuitOpen)} gates: the database is away, nothing is pulled`});
  }
  if (aside.accounts > 0) {
    const waits = asideWaits(aside);
    list.push({
      key: 'aside', level: waits ? 'watch' : 'good', name: 'Set aside',
      why: `${number(aside.accounts, 'account')}, ${waits ? `${count(aside.waiting)} entries, the longest for ${millis(aside.oldestMs)}`
        : 'of which nothing waits: back with the others after some quick postings, or a minute of rest'}`,
    });
  }
  if (streams.deletedUnread > 0) {
    list.push({key: 'unread', level: 'bad', name: 'Deleted unread', why: `up to ${count(streams.deletedUnread)} requests, by the broker's limits or by hand`});
  }
  const order = {bad: 0, watch: 1, unknown: 2, good: 3};
  return list.sort((a, b) => order[a.level] - order[b.level]);
}

function showFindings(overview) {
  const list = findings(overview);
  each($('checks'), list, (item) => item.key, () => el('li', {}, el('span', {class: 'sign', 'aria-hidden': 'true'}), el('span', {class: 'name'}),
    el('span', {class: 'why'})), (row, item) => {
    setLevel(row, item.level);
    setText(row.children[0], {good: '✓', watch: '!', bad: '✕', unknown: '?'}[item.level]);
    setText(row.children[1], item.name);
    setText(row.children[2], item.why);
  });
  $('checks-empty').hidden = list.length > 0;
  const bad = list.filter((item) => item.level !== 'good').length;
  setText($('trouble-note'), `${bad === 0 ? 'nothing' : `${bad} of ${list.length}`}${atThisNode(overview.cluster)}`);
}

const svgNamespace = 'http://www.w3.org/2000/svg';

function bar(cell) {
  const root = document.createElementNS(svgNamespace, 'svg');
  root.setAttribute('class', 'bars');
  root.setAttribute('viewBox', '0 0 100 14');
  root.setAttribute('preserveAspectRatio', 'none');
  root.setAttribute('aria-hidden', 'true');
  for (const [kind, y, high] of [['p99', 2, 10], ['p50', 4, 6]]) {
    const part = document.createElementNS(svgNamespace, 'rect');
    Object.entries({class: kind, x: 0, y, width: 0, height: high, rx: 1}).forEach(([name, value]) => part.setAttribute(name, value));
    root.append(part);
  }
  cell.append(root);
}

// From 10 us to 1 s, five decades; what takes longer fills the bar.
const along = (us) => Math.max(1, Math.min(100, ((Math.log10(Math.max(us, 10)) - 1) / 5) * 100));

const stageColumns = [
  {text: (stage) => stageNames[stage.name] ?? stage.name.replaceAll('_', ' '), head: true, class: 'nowrap'},
  {class: 'bar-cell', build: bar, update: (cell, stage) => {
    const [p99, p50] = cell.firstElementChild.children;
    setAttribute(p99, 'width', along(stage.p99Us).toFixed(1));
    setAttribute(p50, 'width', along(stage.p50Us).toFixed(1));
  }},
  {text: (stage) => micros(stage.p50Us), class: 'num'},
  {text: (stage) => micros(stage.p99Us), class: 'num'},
  {text: (stage) => count(stage.count), class: 'num wider'},
];

function showStages(stages) {
  const place = ({name}) => (stageOrder.includes(name) ? stageOrder.indexOf(name) : stageOrder.length);
  const sorted = [...stages].sort((a, b) => place(a) - place(b) || a.name.localeCompare(b.name));
  fillTable($('stage-rows'), sorted, (stage) => stage.name, stageColumns, $('stages-empty'));
}

const doingLevel = (node) => (node.silent ? 'bad' : node.doing === 'serving' ? 'good' : 'watch');

const nodeColumns = [
  {text: (node) => node.name, head: true},
  {build: (cell) => cell.append(word('', 'unknown')), update: (cell, node) => {
    setLevel(cell.firstElementChild, doingLevel(node));
    setText(cell.firstElementChild, node.silent ? `silent for ${millis(node.ageMs)}` : node.doing);
  }},
  {text: (node) => count(node.shards), class: 'num'},
  {text: (node) => rate(node.decidedPerSecond), class: 'num'},
  {text: (node) => count(node.decided), class: 'num wider'},
  {text: (node) => count(node.fenceRejections), class: 'num wider'},
  {text: (node) => count(node.handOvers), class: 'num wider'},
  {text: (node) => millis(node.uptimeMs), class: 'num wider'},
  {text: (node) => node.version || unknown, class: 'wider'},
];

function showNodes(cluster, self) {
  const nodes = cluster?.nodes ?? [];
  fillTable($('node-rows'), nodes, (node) => node.boot, nodeColumns, $('nodes-empty'));
  setText($('nodes-note'), cluster ? `${count(cluster.answered)} of ${count(cluster.known)} answer; this is ${self.name}` : '');
  const owners = nodes.filter((node) => node.shards > 0);
  const all = owners.reduce((sum, node) => sum + node.shards, 0);
  each($('shards'), owners, (node) => node.boot, () => el('span'), (part, node) => {
    part.style.flexGrow = String(node.shards);
    part.style.flexBasis = '0';
    setText(part, `${node.name} ${percent(node.shards / all)}`);
  });
  setAttribute($('shards'), 'aria-label', owners.length === 0 ? 'No shards are owned'
    : `Shards: ${owners.map((node) => `${node.name} ${node.shards}`).join(', ')}`);
}

const levelOf = {info: 'unknown', warn: 'watch', error: 'bad'};

function showChanges(changes) {
  each($('change-rows'), changes, (change) => `${change.at} ${change.what} ${change.text}`, (change) => el('li', {},
    time(change.at, clock(change.at)), el('span', {}, word(change.what, levelOf[change.level] ?? 'unknown'), ` ${change.text}`)), () => {});
  $('changes-empty').hidden = changes.length > 0;
  setText($('changes-empty'), 'Nothing since it started.');
}

const auditLateSeconds = 3600; // as the alert LedgerdAuditBehind

const looked = ({findings, rows}) => `${findings > 0 ? `${count(findings)} findings` : 'Clean'}: ${count(rows)} rows looked at`;

// The level and the text of the audit's line. What another node looks at is neither good nor bad here.
export function auditLine(audit) {
  if (!audit) {
    return ['unknown', 'This node does not audit. `ledgerd audit` looks now.'];
  }
  if (audit.ageSeconds === null && !audit.onDuty) {
    const [level, before] = audit.rows === null ? ['unknown', ''] : [audit.findings > 0 ? 'bad' : 'unknown', ` This one before: ${looked(audit)}.`];
    return [level, `Another node audits for all now.${before}`];
  }
  if (audit.ageSeconds === null) {
    return ['unknown', 'This node has not looked yet. `ledgerd audit` looks now.'];
  }
  const late = audit.behindSeconds > auditLateSeconds;
  return [audit.findings > 0 ? 'bad' : late ? 'watch' : 'good', `${looked(audit)}, `
    + `the last time ${millis(audit.ageSeconds * 1000)} ago; ${late ? 'it is behind by' : 'all that is older than'} ${millis(audit.behindSeconds * 1000)}`];
}

function showAudit(audit) {
  const [level, text] = auditLine(audit);
  setLevel($('audit'), level);
  setText($('audit'), text);
}

const settingColumns = [
  {text: (setting) => setting.name, head: true, class: 'nowrap'},
  {text: (setting) => setting.value, class: 'grow'},
  {text: (setting) => setting.why, class: 'nowrap'},
];

export function showOverview(overview) {
  const {node} = overview;
  setText($('node-name'), `${node.name} · ${node.roles.join(' + ')} · ${node.version} · up ${millis(node.uptimeMs)}`);
  document.title = `${node.name} · ledgerd`;
  showVerdict(overview);
  showFlow(overview);
  showRefusals(overview);
  showFindings(overview);
  showStages(overview.stages);
  showNodes(overview.cluster, node);
  showChanges(overview.changes);
  showAudit(overview.audit);
  if (overview.settings) {
    fillTable($('setting-rows'), overview.settings, (setting) => setting.name, settingColumns, el('p'));
  }
}
