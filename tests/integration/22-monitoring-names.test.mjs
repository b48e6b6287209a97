// Alerts and the dashboard query only series that the server exports.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { httpGet } from './support/http.mjs';
import { parsePrometheus } from './support/metrics.mjs';
import { startServer } from './support/server.mjs';

const ROOT = new URL('../../', import.meta.url);
const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');
const ALERTS = read('docker/prometheus/alerts.yml');
const DASHBOARD = read('docker/grafana/dashboards/eventhub.json');

function dashboardExpressions() {
  const { panels, templating } = JSON.parse(DASHBOARD);
  return [
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...templating.list.filter(({ type }) => type === 'query').map(({ query }) => query.query),
  ];
}

const alertExpressions = () => [...ALERTS.matchAll(/^ +expr: (.+)$/gm)].map(([, expr]) => expr);

/** The series that an expression queries: [{ name, labels }], with the labels of a fixed value. */
function selectorsOf(expression) {
  const found = expression.matchAll(/\b((?:eventhub|process)_\w+)(?:\{([^}]*)\})?/g);
  return [...found].map(([, name, labels = '']) => ({
    name,
    labels: Object.fromEntries([...labels.matchAll(/(\w+)="([^"]*)"/g)]
      .map(([, label, value]) => [label, value])
      .filter(([label]) => label !== 'job')),
  }));
}

function samplesOf(families) {
  return [...families.values()].flatMap(({ name, samples }) =>
    samples.map(({ suffix, labels }) => ({ name: name + suffix, labels })));
}

function isThere(samples, selector) {
  return samples.some(({ name, labels }) => name === selector.name &&
    Object.entries(selector.labels).every(([label, value]) => labels[label] === value));
}

test('exports every series that the alerts and the dashboard query', async (t) => {
  const server = await startServer(t);
  const samples = samplesOf(parsePrometheus((await httpGet(server, '/metrics')).body));
  for (const expressions of [alertExpressions(), dashboardExpressions()]) {
    const selectors = expressions.flatMap(selectorsOf);
    assert.ok(selectors.length > 15);
    const missing = selectors.filter((selector) => !isThere(samples, selector));
    assert.deepEqual(missing, []);
  }
  for (const unknown of ['eventhub_nothing', 'eventhub_disconnects_total{reason="nothing"}']) {
    assert.ok(!isThere(samples, selectorsOf(unknown)[0]), unknown);
  }
});

test('exports every label that the expressions group by', async (t) => {
  const server = await startServer(t);
  const samples = samplesOf(parsePrometheus((await httpGet(server, '/metrics')).body));
  const known = new Set(['instance', 'job', ...samples.flatMap(({ labels }) => Object.keys(labels))]);
  for (const expression of [...alertExpressions(), ...dashboardExpressions()]) {
    for (const [, list] of expression.matchAll(/(?:by|without|on) \(([^)]*)\)/g)) {
      for (const label of list.split(/, */)) assert.ok(known.has(label), expression);
    }
  }
});

test('every counter of refused reloads has an alert and a line on the dashboard', async (t) => {
  const server = await startServer(t);
  const families = parsePrometheus((await httpGet(server, '/metrics')).body);
  const counters = [...families.keys()].filter((name) => name.endsWith('_reloads_refused_total'));
  assert.equal(counters.length, 3);
  for (const expressions of [alertExpressions(), dashboardExpressions()]) {
    const queried = new Set(expressions.flatMap(selectorsOf).map(({ name }) => name));
    assert.deepEqual(counters.filter((name) => !queried.has(name)), []);
  }
});

test('the dashboard equals what its program prints', async () => {
  const program = fileURLToPath(new URL('docker/grafana/dashboard.mjs', ROOT));
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  assert.equal(DASHBOARD, stdout, 'run docker/grafana/dashboard.mjs > docker/grafana/dashboards/eventhub.json');
});

/** The anchors of headings as GitHub makes them. */
function anchorsOf(path) {
  return [...read(path).matchAll(/^#+ +(.+)$/gm)].map(([, title]) =>
    title.toLowerCase().replace(/[^a-z0-9_ -]/g, '').replaceAll(' ', '-'));
}

test('every alert has a severity, a description, a runbook and a test', () => {
  const tests = read('docker/prometheus/alerts.test.yml');
  const alerts = ALERTS.split(/^ +- alert: /m).slice(1);
  for (const alert of alerts) {
    const name = /^\w+/.exec(alert)[0];
    assert.match(alert, /severity: (page|ticket) /, name);
    assert.match(alert, /^ +summary: ".+"$/m, name);
    assert.match(alert, /^ +description: ".+"$/m, name);
    const [, page, anchor] = /^ +runbook: (docs\/\w+\.md)#([\w-]+)$/m.exec(alert);
    assert.ok(anchorsOf(page).includes(anchor), `${name}: ${page}#${anchor}`);
    assert.match(tests, new RegExp(`^ +- exp_labels:.*\\n(?:.*\\n){1,3}.*runbook: "?${page}#${anchor}"?$`, 'm'), name);
    assert.match(tests, new RegExp(`alertname: ${name}$`, 'm'), name);
  }
});
