// A server with a separate port for health and metrics.

import { httpGet } from './http.mjs';
import { freePort } from './port.mjs';
import { startServer } from './server.mjs';
import { eventually } from './wait.mjs';

/** Starts a server with an internal port: { server, internal }; `internal` stands for a server there. */
export async function startWithInternal(t, options = {}) {
  const internal = { port: await freePort() };
  const all = { METRICS_LISTEN_PORT: String(internal.port), ...options };
  const server = await startServer(t, all, { ready: false });
  await eventually('/readyz answers 200', () =>
    httpGet(internal, '/readyz').then(({ status }) => status === 200, () => false));
  return { server, internal };
}

export async function metricsOf(internal) {
  return JSON.parse((await httpGet(internal, '/metrics?format=json')).body);
}
