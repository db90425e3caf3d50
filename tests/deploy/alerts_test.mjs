// Alerts: each is complete, has a page that answers five questions, and is tested by alerts_test.yml; no page is left over.

import assert from 'node:assert/strict';
import {existsSync, readdirSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';

import {documents, read, root} from './manifests.mjs';

const [{groups}] = documents('deploy/prometheus/alerts.yml');
const alerts = groups.flatMap(({rules}) => rules).filter(({alert}) => alert);

test('each alert says how urgent it is, after which time, and where its page is', () => {
  assert.ok(alerts.length >= 25);
  assert.equal(new Set(alerts.map(({alert}) => alert)).size, alerts.length);
  for (const {alert, labels, annotations, for: after} of alerts) {
    assert.match(alert, /^Ledgerd[A-Z]\w+$/);
    assert.ok(['critical', 'warning'].includes(labels?.severity), alert);
    assert.match(String(after), /^\d+[smh]$/, alert);
    assert.ok(annotations.summary.length > 10, alert);
    assert.equal(annotations.runbook_url, `docs/runbooks/${alert}.md`);
    assert.ok(existsSync(join(root, annotations.runbook_url)), `${alert} has no page`);
  }
});

test('each page says what is seen, what it means, where to look, what to do and whom to wake', () => {
  const pages = readdirSync(join(root, 'docs/runbooks')).sort();
  assert.deepEqual(pages, alerts.map(({alert}) => `${alert}.md`).sort());
  for (const page of pages) {
    const text = read(`docs/runbooks/${page}`);
    assert.ok(text.startsWith(`# ${page.replace('.md', '')}\n`), page);
    for (const part of ['**Symptom.**', '**What it means.**', '**Look first.**', '**Repair.**', '**Wake.**']) {
      assert.equal(text.split(part).length, 2, `${page}: ${part}`);
    }
  }
});

test('each alert is tested', () => {
  const tests = read('tests/deploy/alerts_test.yml');
  for (const {alert} of alerts) {
    assert.ok(tests.includes(`alertname="${alert}"`), alert);
  }
});

test('an alert that nobody can be woken by does not exist: the absence of all numbers is one, too', () => {
  assert.ok(alerts.some(({expr}) => expr.startsWith('absent(')));
});
