// A real Prometheus that scrapes two nodes on one Redis; promtool checks the rules and the metrics.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { httpGet } from '../integration/support/http.mjs';
import { startRedis } from '../integration/support/redis.mjs';
import { openClient } from '../integration/support/rpc.mjs';
import { startServer } from '../integration/support/server.mjs';
import { eventually } from '../integration/support/wait.mjs';
import { filledIn } from './expressions.mjs';
import { promtool, startPrometheus } from './prometheus.mjs';

const pathOf = (name) => fileURLToPath(new URL(`../../docker/${name}`, import.meta.url));
const ALERTS = pathOf('prometheus/alerts.yml');
const DASHBOARD = JSON.parse(readFileSync(pathOf('grafana/dashboards/eventhub.json')));

/** The names of the C++ Eventhub, which cannot follow the conventions. */
const UPSTREAM = [
  'worker_count', 'publish_count', 'redis_connection_fail_count', 'redis_publish_delay_ms',
  'current_connections_count', 'total_connect_count', 'total_disconnect_count', 'eventloop_delay_ms',
];

test('promtool accepts the configuration, the rules and their tests', async () => {
  await promtool('check', 'config', pathOf('prometheus/prometheus.yml'));
  await promtool('check', 'rules', ALERTS);
  assert.match(await promtool('test', 'rules', pathOf('prometheus/alerts.test.yml')), /SUCCESS/);
});

test('promtool objects only to the eight names of the C++ Eventhub', async (t) => {
  const server = await startServer(t);
  const { body } = await httpGet(server, '/metrics');
  const child = promisify(execFile)('promtool', ['check', 'metrics']);
  child.child.stdin.end(body);
  const said = await child.catch((error) => error);
  const names = said.stderr.trim().split('\n').map((line) => line.split(' ')[0]);
  assert.deepEqual(new Set(names), new Set(UPSTREAM.map((name) => `eventhub_${name}`)));
});

function configFor(...servers) {
  const targets = servers.map(({ port }) => `127.0.0.1:${port}`);
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: [ALERTS],
    scrape_configs: [{ job_name: 'eventhub', static_configs: [{ targets }] }],
  };
}

test('a Prometheus that scrapes two nodes', async (t) => {
  const redis = await startRedis(t);
  const nodes = [await startServer(t, redis.options), await startServer(t, redis.options)];
  const prometheus = await startPrometheus(t, configFor(...nodes));
  const at = ({ port }) => `{instance="127.0.0.1:${port}"}`;
  const [near, far] = nodes;

  const listener = await openClient(t, far);
  const got = await listener.subscribe('scraped/#');
  const publisher = await openClient(t, near);
  for (let i = 0; i < 5; i++) await publisher.publish('scraped/1', `message ${i}`);
  await got.untilCount(5);

  await t.test('finds both nodes up, with the values that they counted', async () => {
    await prometheus.untilValue('sum(up{job="eventhub"})', 2);
    await prometheus.untilValue(`eventhub_publish_count${at(near)}`, 5);
    await prometheus.untilValue(`eventhub_publish_count${at(far)}`, 0);
    await prometheus.untilValue('sum(eventhub_publish_count)', 5);
    await prometheus.untilValue(`eventhub_deliveries_total${at(far)}`, 5);
    await prometheus.untilValue(`eventhub_delivery_duration_seconds_count${at(far)}`, 5);
    await prometheus.untilValue(`eventhub_subscriptions${at(far)}`, 1);
    await prometheus.untilValue(`eventhub_subscriptions${at(near)}`, 0);
    await prometheus.untilValue('min(eventhub_broker_connected)', 1);
    await prometheus.untilValue('count(eventhub_build_info)', 2);
  });

  await t.test('knows types and help', async () => {
    const metadata = await prometheus.get('metadata');
    const [connections] = metadata.eventhub_current_connections_count;
    assert.equal(connections.type, 'gauge');
    assert.equal(connections.help, 'Client connections now.');
    assert.equal(metadata.eventhub_publish_count[0].type, 'counter');
    assert.equal(metadata.eventhub_delivery_duration_seconds[0].type, 'histogram');
  });

  await t.test('answers the expressions of every panel of the dashboard', async () => {
    const exprs = DASHBOARD.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    // Expressions that divide by events that have not happened, or are about a certificate, are empty.
    const isEmptyHere = (expr) => /> 0\)/.test(expr);
    for (const expr of exprs.map(filledIn)) {
      if (isEmptyHere(expr)) await prometheus.query(expr);
      else await eventually(expr, async () => (await prometheus.query(expr)).length > 0);
    }
  });

  const alertsFor = async ({ port }) => (await prometheus.get('alerts')).alerts
    .filter(({ labels }) => labels.instance === `127.0.0.1:${port}`)
    .map(({ labels, state }) => `${labels.alertname} ${state}`);

  await t.test('raises no alert while all is well', async () => {
    for (const node of nodes) assert.deepEqual(await alertsFor(node), []);
  });

  await t.test('raises an alert for both nodes while Redis is away', async () => {
    await redis.kill();
    for (const node of nodes) {
      await prometheus.untilValue(`eventhub_broker_connected${at(node)}`, 0);
      await eventually('the alert', async () =>
        (await alertsFor(node)).includes('EventhubBrokerAway pending')); // firing after a minute
    }
    await redis.start();
    for (const node of nodes) {
      await prometheus.untilValue(`eventhub_broker_connected${at(node)}`, 1);
      await eventually('the end of the alert', async () =>
        !(await alertsFor(node)).some((alert) => alert.startsWith('EventhubBrokerAway')));
    }
  });

  await t.test('raises an alert for a node that is down', async () => {
    await near.stop();
    await prometheus.untilValue(`up${at(near)}`, 0);
    await eventually('the alert', async () =>
      (await alertsFor(near)).includes('EventhubDown pending'));
    assert.ok(!(await alertsFor(far)).includes('EventhubDown pending'));
  });
});
