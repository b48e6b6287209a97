// A server that has a port of its own for health and metrics.

import { httpGet } from './http.mjs';
import { freePort } from './port.mjs';
import { startServer } from './server.mjs';
import { eventually } from './wait.mjs';

/** A server with an internal port: { server, internal }, the latter for whoever takes a port. */
export async function startWithInternal(t, options = {}) {
  const internal = { port: await freePort() };
  const all = { METRICS_LISTEN_PORT: String(internal.port), ...options };
  const server = await startServer(t, all, { ready: false });
  await eventually('/readyz says 200', () =>
    httpGet(internal, '/readyz').then(({ status }) => status === 200, () => false));
  return { server, internal };
}

export async function metricsOf(internal) {
  return JSON.parse((await httpGet(internal, '/metrics?format=json')).body);
}
