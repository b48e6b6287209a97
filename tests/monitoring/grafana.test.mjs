// Checks the dashboard with the types that Grafana publishes, and its expressions with Prometheus.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { temporaryFiles } from '../integration/support/files.mjs';
import { filledIn } from './expressions.mjs';
import { promtool } from './prometheus.mjs';
import { typeErrors } from './types.mjs';

const TEXT = readFileSync(new URL('../../docker/grafana/dashboards/eventhub.json', import.meta.url), 'utf8');
const typeErrorsOf = (json) => typeErrors(json, 'OurDashboard', './dashboard.types');

test('the dashboard has the types of Grafana', async () => {
  assert.equal(await typeErrorsOf(TEXT), '');
});

const WRONG = [
  ['"showPoints": "never"', '"showPoints": "sometimes"', /TS2(322|820)/],
  ['"gridPos"', '"gridpos"', /TS2353/],
];
for (const [right, wrong, error] of WRONG) {
  test(`the types of Grafana do not permit ${wrong}`, async () => {
    assert.match(await typeErrorsOf(TEXT.replace(right, wrong)), error);
  });
}

test('no panel covers another', () => {
  const { panels } = JSON.parse(TEXT);
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
  panels.forEach(({ gridPos: a }, i) => {
    assert.ok(a.x + a.w <= 24);
    for (const { gridPos: b, title } of panels.slice(i + 1)) assert.ok(!overlap(a, b), title);
  });
});

test('Prometheus understands every expression', async (t) => {
  const exprs = JSON.parse(TEXT).panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  const rules = exprs.map((expr, i) => ({ record: `panel:${i}`, expr: filledIn(expr) }));
  const file = temporaryFiles(t).write('rules.yml', JSON.stringify({ groups: [{ name: 'panels', rules }] }));
  assert.match(await promtool('check', 'rules', file), new RegExp(`SUCCESS: ${exprs.length} rules`));
});
