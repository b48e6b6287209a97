// live.js - the panel of the server's figures: charts of the last 15 minutes, refusals by reason, and
// facts about the process. It scrapes from the start of the page on, so that the charts have something
// to show when somebody looks.

import { addressOf } from '../address.js';
import { fill, make, setText } from '../dom.js';
import { durationWords, timeOfDay } from '../lib/duration.js';
import { bytes, milliseconds, number, short } from '../lib/figures.js';
import { brokerState } from '../lib/rates.js';
import { refusalRows, refusalWords } from '../lib/refusals.js';
import { Scraper, scrapeForever } from '../lib/scraper.js';
import '../live/chart.js';
import { definePanel, Panel, panelHead } from '../panel.js';

const ANSWER_MS = 5000;

async function readMetrics() {
  let answer;
  try {
    answer = await fetch(addressOf('../metrics?format=json'), {
      cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS),
    });
  } catch {
    throw new Error('the server does not answer');
  }
  if (!answer.ok) throw new Error(`the server answers with status ${answer.status}`);
  const metrics = await answer.json().catch(() => null);
  if (!metrics?.build_info) throw new Error('the answer is not that of an Eventhub');
  return metrics;
}

function bytesPerSecond(value) {
  return value === null ? bytes(value) : `${bytes(value)}/s`;
}

const CHARTS = {
  connections: {
    title: 'Connections', format: short, lines: [{ name: 'now', value: (point) => point.connections }],
  },
  messages: {
    title: 'Messages per second',
    format: short,
    lines: [
      { name: 'out', value: (point) => point.messagesOut },
      { name: 'in', value: (point) => point.messagesIn },
    ],
  },
  delivery: {
    title: 'Delivery latency',
    format: milliseconds,
    lines: [
      { name: 'p50', value: (point) => point.delivery?.p50 ?? null },
      { name: 'p99', value: (point) => point.delivery?.p99 ?? null },
    ],
  },
  broker: {
    title: 'Broker latency',
    format: milliseconds,
    lines: [
      { name: 'p50', value: (point) => point.broker?.p50 ?? null },
      { name: 'p99', value: (point) => point.broker?.p99 ?? null },
    ],
  },
  traffic: {
    title: 'Traffic',
    format: bytesPerSecond,
    lines: [
      { name: 'out', value: (point) => point.bytesOut },
      { name: 'in', value: (point) => point.bytesIn },
    ],
  },
  refused: {
    title: 'Refused per second', format: short, lines: [{ name: 'now', value: (point) => point.refused }],
  },
};

function chartOf(description) {
  const chart = make('line-chart', { class: 'card' });
  chart.describe(description);
  return chart;
}

class LivePanel extends Panel {
  #scraper = new Scraper(readMetrics);
  #charts = Object.values(CHARTS).map(chartOf);
  #broker = make('span', { class: 'badge' });
  #failure = make('p', { class: 'notice', 'data-kind': 'bad', role: 'status', hidden: true });
  #facts = make('dl', { class: 'facts' });
  #refusals = make('tbody');
  #refusalsTable = make('table', { class: 'table' },
    make('thead', {}, make('tr', {},
      make('th', { scope: 'col' }, 'Reason'),
      make('th', { scope: 'col', class: 'number' }, '15 min'),
      make('th', { scope: 'col', class: 'number' }, 'Total'))), this.#refusals);
  #noRefusals = make('p', { class: 'soft' }, 'Nothing was refused since the server started.');

  build() {
    this.append(panelHead('Live', this.#broker), this.#failure,
      make('div', { class: 'charts' }, this.#charts),
      make('div', { class: 'charts' },
        make('section', { class: 'card stack' }, make('h2', {}, 'Server'), this.#facts),
        make('section', { class: 'card stack' }, make('h2', {}, 'Refused, by reason'),
          this.#refusalsTable, this.#noRefusals)));
    scrapeForever(this.#scraper, document, () => this.#show());
  }

  shown() {
    this.#show();
  }

  #show() {
    if (this.hidden) return;
    const { series, scrape, failure } = this.#scraper;
    this.#failure.hidden = !failure;
    this.#broker.hidden = Boolean(failure); // its state is not known
    if (failure) {
      setText(this.#failure, `No figures since ${timeOfDay(failure.since)}: ${failure.why}. Trying again.`);
    }
    for (const chart of this.#charts) chart.show(series.points, Date.now());
    if (!scrape) return;
    this.#showBroker(scrape);
    this.#showFacts(scrape);
    this.#showRefusals(series.points, scrape.metrics.refused_requests_total);
  }

  #showBroker(scrape) {
    const { name, isConnected } = brokerState(scrape);
    this.#broker.dataset.kind = isConnected ? 'good' : 'bad';
    setText(this.#broker, isConnected ? name : `${name}: not connected`);
  }

  #showFacts({ at, metrics }) {
    const started = metrics.process_start_time_seconds * 1000;
    const facts = {
      Version: metrics.build_info.version,
      'Running for': durationWords(Math.max(0, at - started)),
      Connections: `${number(metrics.current_connections_count)} of at most ${number(metrics.connections_limit)}`,
      Subscriptions: number(metrics.subscriptions),
      'Waiting output': `${bytes(metrics.output_memory_bytes)} of at most ${bytes(metrics.output_memory_limit_bytes)}`,
      'Slow clients dropped': number(metrics.disconnects_total.slow_reader + metrics.disconnects_total.output_memory),
      'Longest turn of a worker': milliseconds(metrics.eventloop_delay_ms),
      Workers: number(metrics.worker_count),
      Memory: bytes(metrics.process_resident_memory_bytes),
      'Open files': `${number(metrics.process_open_fds)} of at most ${number(metrics.process_max_fds)}`,
    };
    fill(this.#facts, ...Object.entries(facts).flatMap(([name, value]) => [
      make('dt', {}, name), make('dd', { class: 'figure' }, value),
    ]));
  }

  #showRefusals(points, totals) {
    const rows = refusalRows(points, totals);
    this.#refusalsTable.hidden = rows.length === 0;
    this.#noRefusals.hidden = rows.length > 0;
    fill(this.#refusals, ...rows.map(({ reason, recent, total }) => make('tr', {},
      make('td', {}, refusalWords(reason)),
      make('td', { class: 'number' }, number(recent)),
      make('td', { class: 'number' }, number(total)))));
  }
}

definePanel('live', 'Live', LivePanel, { isEager: true });
