#!/usr/bin/env node
// Prints the Grafana dashboard. The table ROWS says what it shows; the rest is layout.
//   docker/grafana/dashboard.mjs > docker/grafana/dashboards/eventhub.json

const NODE = 'job="eventhub",instance=~"$node"';
const GRID = 24;
const HEIGHT = 8;

const of = (name, labels = '') => `${name}{${NODE}${labels && `,${labels}`}}`;
const rate = (name, labels) => `rate(${of(name, labels)}[$__rate_interval])`;
const total = (expression) => `sum(${expression})`;
const by = (label, expression) => `sum by (${label}) (${expression})`;
/** One line per node and value of the label, for values that occur. */
const byNode = (label, expression) => `(${by(`instance, ${label}`, expression)} > 0)`;
const quantile = (q, name) =>
  `histogram_quantile(${q}, sum by (le) (${rate(`${name}_bucket`)}))`;
const nodeQuantile = (q, name) => `histogram_quantile(${q}, ${rate(`${name}_bucket`)})`;

/** One line in the graph for each result of the expression. */
const line = (expr, legend = '{{instance}}') => ({ expr, legend });
const quantiles = (name) => [0.5, 0.9, 0.99].map((q) => line(quantile(q, name), `${q * 100} %`));

const stat = (title, unit, expr, more = {}) =>
  ({ type: 'stat', width: 4, height: 4, title, unit, lines: [line(expr, ' ')], ...more });
const graph = (title, unit, lines, more = {}) =>
  ({ type: 'timeseries', width: 8, height: HEIGHT, title, unit, lines, ...more });

const OK_OR_NOT = [
  { type: 'value', options: { 0: { text: 'away', color: 'red' }, 1: { text: 'connected', color: 'green' } } },
];
const EVICTS_OR_NOT = [
  { type: 'value', options: { 0: { text: 'no', color: 'green' }, 1: { text: 'yes', color: 'red' } } },
];
const FULL = [[null, 'green'], [0.8, 'yellow'], [0.95, 'red']];

const DELIVERY = 'eventhub_delivery_duration_seconds';
const BROKER = 'eventhub_broker_request_duration_seconds';

const ROWS = {
  'All nodes': [
    stat('Nodes up', 'none', total(of('up'))),
    stat('Connections', 'short', total(of('eventhub_current_connections_count'))),
    stat('Subscriptions', 'short', total(of('eventhub_subscriptions'))),
    stat('Publishes', 'cps', total(rate('eventhub_publish_count'))),
    stat('Deliveries', 'cps', total(rate('eventhub_deliveries_total'))),
    stat('Broker, all nodes', 'none', `min(${of('eventhub_broker_connected')})`, { mappings: OK_OR_NOT }),
    graph('Message rates, all nodes', 'cps', [
      line(total(rate('eventhub_websocket_messages_received_total')), 'requests over WebSocket'),
      line(total(rate('eventhub_publish_count')), 'publishes'),
      line(total(rate('eventhub_deliveries_total')), 'deliveries'),
    ]),
    graph('Delivery latency, all nodes', 's', quantiles(DELIVERY), {
      description: 'Time from the message\'s id, by the clock of Redis, to the queue of the subscriber.',
    }),
    graph('Broker latency, all nodes', 's', quantiles(BROKER), {
      description: 'Time from a request to the broker until its answer.',
    }),
    graph('Slow clients dropped, all nodes', 'cps', [
      line(total(rate('eventhub_disconnects_total', 'reason="slow_reader"')), 'client queue full'),
      line(total(rate('eventhub_disconnects_total', 'reason="output_memory"')), 'output memory full'),
    ]),
    graph('Refused requests by reason, all nodes', 'cps', [line(by('reason', rate('eventhub_refused_requests_total')), '{{reason}}')]),
    graph('Ended connections by reason, all nodes', 'cps', [line(by('reason', rate('eventhub_disconnects_total')), '{{reason}}')]),
  ],
  'Clients per node': [
    graph('Connections', 'short', [line(of('eventhub_current_connections_count'))]),
    graph('Connections, share of the limit', 'percentunit',
      [line(`${of('eventhub_current_connections_count')} / ${of('eventhub_connections_limit')}`)],
      { max: 1, steps: FULL }),
    graph('Connects and disconnects', 'cps', [
      line(rate('eventhub_total_connect_count'), '{{instance}} connects'),
      line(rate('eventhub_total_disconnect_count'), '{{instance}} disconnects'),
    ]),
    graph('Ended connections by reason', 'cps', [line(byNode('reason', rate('eventhub_disconnects_total')), '{{instance}} {{reason}}')]),
    graph('Refused requests by reason', 'cps', [line(byNode('reason', rate('eventhub_refused_requests_total')), '{{instance}} {{reason}}')]),
    graph('Revoked tokens', 'short', [line(of('eventhub_revoked_tokens'))]),
    graph('Slow clients dropped', 'cps', [
      line(rate('eventhub_disconnects_total', 'reason="slow_reader"'), '{{instance}} client queue full'),
      line(rate('eventhub_disconnects_total', 'reason="output_memory"'), '{{instance}} output memory full'),
    ]),
  ],
  'Messages per node': [
    graph('Incoming messages', 'cps', [
      line(rate('eventhub_websocket_messages_received_total'), '{{instance}} requests over WebSocket'),
      line(rate('eventhub_publish_count'), '{{instance}} publishes'),
    ]),
    graph('Outgoing messages', 'cps', [line(rate('eventhub_deliveries_total'), '{{instance}} deliveries')]),
    graph('Delivery latency, 99 %', 's', [line(nodeQuantile(0.99, DELIVERY))]),
    graph('Bytes to clients', 'Bps', [line(rate('eventhub_sent_bytes_total'))]),
    graph('Bytes from clients', 'Bps', [line(rate('eventhub_received_bytes_total'))]),
    graph('Deliveries per write', 'none',
      [line(`${rate('eventhub_deliveries_total')} / (${rate('eventhub_socket_sends_total')} > 0)`)]),
    graph('Subscriptions', 'short', [line(of('eventhub_subscriptions'))]),
    graph('History requests by outcome', 'cps',
      [line(by('outcome', rate('eventhub_history_requests_total')), '{{outcome}}')]),
    graph('Repeated publishes (same key)', 'cps', [line(rate('eventhub_publish_repeats_total'))]),
  ],
  'Broker and Redis': [
    graph('Broker connected', 'none', [line(of('eventhub_broker_connected'))], { max: 1, mappings: OK_OR_NOT }),
    graph('Broker latency, 99 %', 's', [line(nodeQuantile(0.99, BROKER))]),
    graph('Publishes per command to Redis', 'none', [
      line(`${rate('eventhub_redis_publish_batch_size_sum')} / (${rate('eventhub_redis_publish_batch_size_count')} > 0)`),
    ]),
    graph('Delay from publish to feed, last probe', 'ms', [line(of('eventhub_redis_publish_delay_ms'))], {
      description: 'Once a second, each node publishes a probe and measures when it arrives on its own feed.',
    }),
    graph('Unanswered broker requests', 'short', [line(of('eventhub_broker_queue_requests'))]),
    graph('Nodes on each Redis master', 'short', [line(by('address', of('eventhub_redis_master_info')), '{{address}}')], {
      description: 'Two lines above zero for longer than a failover: nodes disagree about the master.',
    }),
    graph('Failovers and losses', 'short', [
      line(`increase(${of('eventhub_redis_master_changes_total')}[$__rate_interval])`, '{{instance}} other masters'),
      line(`increase(${of('eventhub_broker_lineage_breaks_total')}[$__rate_interval])`, '{{instance}} new histories'),
      line(`increase(${of('eventhub_broker_rewinds_total')}[$__rate_interval])`, '{{instance}} losses'),
    ], {
      description: 'After a failover or a restart Redis begins a new history. A loss means that it lacks messages of the one before.',
    }),
    graph('Time without a Redis master', 'percentunit', [line(rate('eventhub_redis_masterless_seconds_total'))], { max: 1 }),
    graph('Redis evicts messages', 'none', [line(of('eventhub_redis_evicts'))], { max: 1, mappings: EVICTS_OR_NOT }),
    graph('Failed connections to Redis', 'cps', [line(rate('eventhub_redis_connection_fail_count'))]),
    graph('Live messages from the broker', 'cps', [
      line(rate('eventhub_broker_messages_received_total')),
      line(rate('eventhub_broker_messages_foreign_total'), '{{instance}} from C++ nodes'),
      line(rate('eventhub_broker_messages_invalid_total'), '{{instance}} invalid'),
    ]),
    graph('Messages that the feed brings, by whether they are wanted', 'cps', [
      line(byNode('wanted', rate('eventhub_broker_feed_messages_total')), '{{instance}} wanted: {{wanted}}'),
    ], {
      description: 'Unwanted ones come through patterns that Redis cannot match exactly, and for 10 seconds after the last subscriber.',
    }),
    graph('Channels of the feed', 'short', [
      line(byNode('kind', of('eventhub_broker_feed_channels')), '{{instance}} {{kind}}'),
    ]),
    graph('Channels opened and closed', 'cps', [
      line(rate('eventhub_broker_feed_opens_total'), '{{instance}} opened'),
      line(rate('eventhub_broker_feed_closes_total'), '{{instance}} closed'),
    ]),
    graph('Pages of history', 'cps', [
      line(rate('eventhub_redis_history_commands_total'), '{{instance}} commands to Redis'),
      line(rate('eventhub_redis_history_questions_total'), '{{instance}} pages that they asked for'),
      line(rate('eventhub_redis_history_shared_total'), '{{instance}} shared with an equal request'),
      line(rate('eventhub_history_tail_total', 'outcome="hit"'), '{{instance}} from memory'),
    ]),
    graph('Last messages in memory', 'bytes', [line(of('eventhub_history_tail_bytes'))]),
    graph('Replays of the log', 'short', [
      line(`increase(${of('eventhub_broker_replays_total')}[$__rate_interval])`, '{{instance}} replays'),
      line(`increase(${of('eventhub_broker_replays_incomplete_total')}[$__rate_interval])`, '{{instance}} incomplete'),
    ]),
    graph('Messages read by replays', 'cps', [line(rate('eventhub_broker_replay_entries_total'))]),
    graph('Duration of replays, 99th percentile', 's', [line(nodeQuantile(0.99, 'eventhub_broker_replay_duration_seconds'))]),
    graph('Workers that fell behind the feed', 'cps', [line(rate('eventhub_broker_worker_stalls_total'))]),
    graph('Dropped presence questions', 'cps', [line(rate('eventhub_presence_questions_dropped_total'))]),
  ],
  'Queues, memory and CPU': [
    graph('Output memory', 'bytes', [line(of('eventhub_output_memory_bytes'))], {
      description: 'Memory of data that waits to be sent to clients. A message in several queues counts once.',
    }),
    graph('Output memory, share of the limit', 'percentunit',
      [line(`${of('eventhub_output_memory_bytes')} / ${of('eventhub_output_memory_limit_bytes')}`)],
      { max: 1, steps: FULL }),
    graph('Reads paused for unanswered requests', 'cps', [line(rate('eventhub_reads_paused_total'))]),
    graph('Longest event loop turn', 'ms', [line(of('eventhub_eventloop_delay_ms'))]),
    graph('CPU, share of the workers', 'percentunit',
      [line(`${rate('process_cpu_seconds_total')} / ${of('eventhub_worker_count')}`)]),
    graph('Resident memory', 'bytes', [line(of('process_resident_memory_bytes'))]),
    graph('Open files', 'short', [
      line(of('process_open_fds')),
      line(of('process_max_fds'), '{{instance}} limit'),
    ]),
    graph('Delayed accepts', 'cps', [
      line(rate('eventhub_accept_paced_total'), '{{instance}} CONNECT_RATE'),
      line(rate('eventhub_accept_held_total'), '{{instance}} {{reason}}'),
      line(rate('eventhub_accept_exhausted_total'), '{{instance}} no file descriptor left'),
    ]),
    graph('Dropped log lines', 'cps', [line(rate('eventhub_log_lines_dropped_total'))]),
  ],
  'TLS and compression (if enabled)': [
    graph('TLS handshakes', 'cps', [line(by('kind', rate('eventhub_tls_handshakes_total')), '{{kind}}'),
      line(total(rate('eventhub_disconnects_total', 'reason="tls_handshake"')), 'failed')]),
    graph('Time until the certificate expires', 's',
      [line(`(${of('eventhub_certificate_expiry_timestamp_seconds')} > 0) - time()`)]),
    graph('Refused reloads of certificates, keys and settings', 'short', [
      line(of('eventhub_certificate_reloads_refused_total'), '{{instance}} certificate'),
      line(of('eventhub_token_key_reloads_refused_total'), '{{instance}} keys of tokens'),
      line(of('eventhub_topic_settings_reloads_refused_total'), '{{instance}} settings of topics'),
      line(of('eventhub_jwks_fetches_total', 'outcome="failed"'), '{{instance}} keys of the provider'),
    ]),
    graph('Compressed size of messages to clients', 'percentunit',
      [line(`${rate('eventhub_deflate_output_bytes_total')} / (${rate('eventhub_deflate_input_bytes_total')} > 0)`)]),
    graph('Compressed size of messages from clients', 'percentunit',
      [line(`${rate('eventhub_inflate_input_bytes_total')} / (${rate('eventhub_inflate_output_bytes_total')} > 0)`)]),
    graph('Refused compressed messages', 'cps', [line(rate('eventhub_inflate_refused_total'))]),
  ],
  'Versions and uptime': [
    graph('Versions', 'short', [line(by('version', of('eventhub_build_info')), '{{version}}')], { width: 12 }),
    graph('Uptime', 's', [line(`time() - ${of('process_start_time_seconds')}`)], { width: 12 }),
  ],
};

const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };

function thresholds(steps = [[null, 'green']]) {
  return { mode: 'absolute', steps: steps.map(([value, color]) => ({ value, color })) };
}

function optionsOf(type) {
  if (type === 'stat') {
    return {
      colorMode: 'value', graphMode: 'area', justifyMode: 'auto', orientation: 'auto', textMode: 'auto',
      reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
    };
  }
  return {
    legend: { calcs: ['mean', 'max'], displayMode: 'table', placement: 'bottom', showLegend: true },
    tooltip: { mode: 'multi', sort: 'desc' },
  };
}

function panelOf({ type, title, unit, lines, description, max, steps, mappings = [] }, id, gridPos) {
  const custom = type === 'timeseries' ? { lineWidth: 1, fillOpacity: 5, showPoints: 'never' } : {};
  return {
    id,
    type,
    title,
    ...(description && { description }),
    datasource: DATASOURCE,
    gridPos,
    targets: lines.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + i),
      datasource: DATASOURCE,
      expr,
      legendFormat: legend,
      editorMode: 'code',
      range: true,
    })),
    fieldConfig: {
      defaults: { unit, min: 0, ...(max && { max }), mappings, thresholds: thresholds(steps), custom },
      overrides: [],
    },
    options: optionsOf(type),
  };
}

/** Places panels from left to right, in lines as high as their highest panel. Each row has a heading. */
function layOut(rows) {
  const panels = [];
  let y = 0;
  for (const [title, row] of Object.entries(rows)) {
    panels.push({ id: panels.length + 1, type: 'row', title, collapsed: false, panels: [], gridPos: { x: 0, y: y++, w: GRID, h: 1 } });
    let x = 0;
    let h = 0;
    for (const panel of row) {
      if (x + panel.width > GRID) [x, y, h] = [0, y + h, 0];
      panels.push(panelOf(panel, panels.length + 1, { x, y, w: panel.width, h: panel.height }));
      x += panel.width;
      h = Math.max(h, panel.height);
    }
    y += h;
  }
  return panels;
}

const VARIABLES = [
  { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus', hide: 0 },
  {
    name: 'node',
    label: 'Node',
    type: 'query',
    datasource: DATASOURCE,
    query: { query: 'label_values(eventhub_worker_count{job="eventhub"}, instance)', refId: 'node' },
    refresh: 2, // also when the time range changes, because nodes come and go
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.+',
    current: { selected: true, text: ['All'], value: ['$__all'] },
    hide: 0,
  },
];

const dashboard = {
  uid: 'eventhub',
  title: 'Eventhub',
  tags: ['eventhub'],
  editable: true,
  graphTooltip: 1, // one cursor for all graphs
  schemaVersion: 39,
  version: 1,
  refresh: '30s',
  time: { from: 'now-3h', to: 'now' },
  timezone: 'browser',
  templating: { list: VARIABLES },
  annotations: { list: [] },
  links: [],
  panels: layOut(ROWS),
};

console.log(JSON.stringify(dashboard, null, 2));
