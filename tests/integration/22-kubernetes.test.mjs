// The Kubernetes manifests agree with the server: options, ports, paths and times.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { temporaryFiles } from './support/files.mjs';
import { httpGet } from './support/http.mjs';
import { freePort } from './support/port.mjs';
import { startRedis } from './support/redis.mjs';
import { startServer } from './support/server.mjs';
import { eventually } from './support/wait.mjs';

const MANIFEST = readFileSync(new URL('../../docker/kubernetes/eventhub.yaml', import.meta.url), 'utf8');

const all = (pattern) => [...MANIFEST.matchAll(pattern)].map(([, ...found]) => found);
const one = (pattern) => {
  const found = all(pattern);
  assert.equal(found.length, 1, `${pattern}`);
  return found[0][0];
};
const ENV = Object.fromEntries(all(/- \{ name: ([A-Z_]+), value: "?([^"\n]*?)"? \}/g));
const PORTS = Object.fromEntries(all(/- \{ name: (\w+), containerPort: (\d+) \}/g));

test('is healthy and ready on the ports of the probes with these options', async (t) => {
  const redis = await startRedis(t);
  const ports = { http: await freePort(), metrics: await freePort() };
  assert.equal(ENV.METRICS_LISTEN_PORT, PORTS.metrics);
  assert.equal(ENV.LISTEN_PORT ?? '8080', PORTS.http);
  assert.equal(ENV.REDIS_HOST, 'redis');
  await startServer(t, {
    ...ENV, ...redis.options, DISABLE_AUTH: undefined,
    JWT_SECRET_FILE: temporaryFiles(t).write('jwt-secret', 'a long and random secret of tests'),
    LISTEN_PORT: String(ports.http), METRICS_LISTEN_PORT: String(ports.metrics),
    DRAIN_DELAY: '0', // for a quick end; tested below
  }, { ready: false });
  const probes = all(/httpGet: \{ path: (\S+), port: (\w+) \}/g);
  assert.deepEqual(probes.map(([path]) => path), ['/healthz', '/healthz', '/readyz']);
  for (const [path, port] of probes) {
    await eventually(path, async () => (await httpGet({ port: ports[port] }, path)).status === 200);
  }
});

test('the times of a drain fit together', () => {
  const grace = Number(one(/terminationGracePeriodSeconds: (\d+)/g));
  const readiness = MANIFEST.slice(MANIFEST.indexOf('readinessProbe:'));
  const seen = Number(/periodSeconds: (\d+)/.exec(readiness)[1]) * Number(/failureThreshold: (\d+)/.exec(readiness)[1]);
  assert.ok(Number(ENV.DRAIN_DELAY) > seen, 'the delay is longer than the probe needs to notice');
  assert.ok(Number(ENV.SHUTDOWN_TIMEOUT) > Number(ENV.DRAIN_DELAY));
  const before = Number(one(/command: \[\/bin\/sleep, "(\d+)"\]/g));
  assert.ok(grace >= before + Number(ENV.SHUTDOWN_TIMEOUT) + 5, 'the grace period covers the whole drain');
});

test('related names agree', () => {
  assert.equal(one(/targetPort: (\w+)/g) in PORTS, true);
  assert.equal(one(/prometheus\.io\/port: "(\d+)"/g), PORTS.metrics);
  const mount = one(/mountPath: ([^,]+),/g);
  assert.ok(ENV.JWT_SECRET_FILE.startsWith(`${mount}/`));
  assert.equal(new Set(all(/app\.kubernetes\.io\/name: (\w+)/g).flat()).size, 1);
  assert.equal(one(/runAsUser: (\d+)/g), /^USER (\d+)/m.exec(
    readFileSync(new URL('../../Dockerfile', import.meta.url), 'utf8'))[1]);
});
