// The figures of the Live panel, from two answers of /metrics?format=json.

import { quantileBetween } from './quantile.js';

/**
 * A longer time between two scrapes says little about any moment of it: the page was suspended. A
 * hidden tab may scrape once a minute, which is still fine.
 */
const LONGEST_MS = 90_000;

/** Per-second rates, and the counter that each is made of. */
const RATES = {
  messagesIn: 'websocket_messages_received_total',
  messagesOut: 'deliveries_total',
  bytesIn: 'received_bytes_total',
  bytesOut: 'sent_bytes_total',
};

const DELIVERY = 'delivery_duration_seconds';
const BROKER = 'broker_request_duration_seconds';
const REFUSED = 'refused_requests_total';

/** Reports whether the two scrapes are of one run of the server, in order. */
function isOneRun(before, after) {
  const start = 'process_start_time_seconds';
  return before.metrics[start] === after.metrics[start]
    && Object.values(RATES).every((name) => after.metrics[name] >= before.metrics[name]);
}

function quantilesMs(name, before, after) {
  const ms = (q) => {
    const seconds = quantileBetween(q, before.metrics[name].buckets, after.metrics[name].buckets);
    return seconds === null ? null : seconds * 1000;
  };
  return { p50: ms(0.5), p99: ms(0.99) };
}

/** The increase of the refusals by reason; reasons without new refusals are left out. */
function grownReasons(before, after) {
  return Object.entries(after)
    .map(([reason, n]) => [reason, n - (before[reason] ?? 0)])
    .filter(([, n]) => n > 0);
}

/**
 * One point of the charts from a scrape { at, metrics } (`at` in ms since the epoch) and the one
 * before it, or null if there is none. `why` says why the rates are null: 'first', 'restarted' (the
 * counters began anew) or 'late' (too long ago).
 */
export function pointBetween(before, after) {
  const point = { at: after.at, connections: after.metrics.current_connections_count, why: null };
  for (const key of Object.keys(RATES)) point[key] = null;
  Object.assign(point, { delivery: null, broker: null, refused: null, refusedReasons: [] });
  const ms = before ? after.at - before.at : 0;
  if (!before) return { ...point, why: 'first' };
  if (!isOneRun(before, after)) return { ...point, why: 'restarted' };
  if (ms <= 0 || ms > LONGEST_MS) return { ...point, why: 'late' };
  for (const [key, name] of Object.entries(RATES)) {
    point[key] = ((after.metrics[name] - before.metrics[name]) * 1000) / ms;
  }
  point.delivery = quantilesMs(DELIVERY, before, after);
  point.broker = quantilesMs(BROKER, before, after);
  point.refusedReasons = grownReasons(before.metrics[REFUSED], after.metrics[REFUSED]);
  point.refused = (point.refusedReasons.reduce((sum, [, n]) => sum + n, 0) * 1000) / ms;
  return point;
}

/** The broker as a scrape shows it: its name, and whether publishes are accepted. */
export function brokerState({ metrics }) {
  const address = metrics.redis_master_info?.address ?? '';
  const isConnected = metrics.broker_connected === 1;
  if (address) return { name: `Redis at ${address}`, isConnected };
  return isConnected ? { name: 'embedded broker', isConnected } : { name: 'no Redis', isConnected };
}
