// chart.js - a line chart of the last 15 minutes, drawn as SVG, with the same figures as a table.
//
//   const chart = make('line-chart');
//   chart.describe({ title: 'Messages per second', format: number, lines: [
//     { name: 'in', value: (point) => point.messagesIn }, …] });   // once
//   chart.show(points, now);                                       // after each scrape
//
// A value that is null breaks the line. Under the pointer, the figures in the title are those of that
// moment. The table has a row for each minute; it is made when somebody opens it.

import { draw, fill, make, setText } from '../dom.js';
import { timeOfDay } from '../lib/duration.js';
import { largest, lineOf, nearest, niceTop, scale, timeSpan } from '../lib/geometry.js';
import { perMinute, WINDOW_MS } from '../lib/series.js';

// In sizes of the text of the ticks, which the reader's browser decides.
const HEIGHT = 12;
const TOP = 0.7;
const BOTTOM = 10.2; // below it stand the times
const LEFT = 5; // before it stand the figures of the scale
const RIGHT = 0.5;
const LEAST_WIDTH = 10;

function line({ path, dots }, number, { unit }) {
  return [
    draw('path', { class: 'chart-line', 'data-line': number, d: path }),
    ...dots.map(([cx, cy]) => draw('circle', { class: 'chart-dot', 'data-line': number, cx, cy, r: unit / 6 })),
  ];
}

class LineChart extends HTMLElement {
  #title = '';
  #format = String;
  #lines = []; // { name, value, figure }
  #points = [];
  #now = 0;
  #pointedAt = null; // a time, while the pointer is over the chart
  #svg = draw('svg', { class: 'chart-plot', role: 'img' });
  #when = make('span', { class: 'small soft' });
  #table = make('tbody');
  #details = make('details', { class: 'chart-table small' });

  describe({ title, format, lines }) {
    this.#title = title;
    this.#format = format;
    this.#lines = lines.map((line) => ({ ...line, figure: make('span', { class: 'figure' }, '–') }));
    const keys = this.#lines.map(({ name, figure }, i) => make('span', { class: 'chart-key', 'data-line': i + 1 },
      make('span', { class: 'chart-name' }, name), figure));
    const names = this.#lines.map(({ name }) => make('th', { scope: 'col', class: 'number' }, name));
    this.#details.append(make('summary', {}, 'As a table', make('span', { class: 'unseen' }, `: ${title}`)),
      make('table', { class: 'table' },
        make('thead', {}, make('tr', {}, make('th', { scope: 'col' }, 'Minute'), names)), this.#table));
    this.#details.ontoggle = () => this.#fillTable();
    this.append(make('figure', { class: 'chart' },
      make('figcaption', {}, make('span', { class: 'chart-title' }, title), this.#when,
        make('span', { class: 'chart-keys' }, keys)),
      this.#svg, this.#details));
    this.#svg.onpointermove = ({ offsetX }) => this.#point(offsetX);
    this.#svg.onpointerleave = () => this.#point(null);
    new ResizeObserver(() => this.#draw()).observe(this.#svg);
  }

  show(points, now) {
    this.#points = points.filter(({ at }) => at >= now - WINDOW_MS); // they grow old while scrapes fail
    this.#now = now;
    this.#draw();
    this.#fillTable();
  }

  /** The points of one line. */
  #valuesOf(line) {
    return this.#points.map((point) => ({
      at: point.at, value: point.isBreak ? null : line.value(point),
    }));
  }

  /** The edges of the plot, in pixels. */
  #measure() {
    const unit = parseFloat(getComputedStyle(this.#svg).fontSize);
    const width = this.#svg.clientWidth;
    return {
      unit, width, left: LEFT * unit, right: width - RIGHT * unit, top: TOP * unit, bottom: BOTTOM * unit,
    };
  }

  get #span() {
    return timeSpan(this.#points[0]?.at ?? this.#now, this.#now);
  }

  #point(pixels) {
    const { left, right } = this.#measure();
    const toTime = scale(left, right, this.#now - this.#span.ms, this.#now);
    this.#pointedAt = pixels === null ? null : toTime(pixels);
    this.#draw();
  }

  #draw() {
    const box = this.#measure();
    if (box.width < LEAST_WIDTH * box.unit) return; // not shown
    const values = this.#lines.map((line) => this.#valuesOf(line));
    const most = Math.max(...values.map(largest));
    const top = niceTop(most);
    const x = scale(this.#now - this.#span.ms, this.#now, box.left, box.right);
    const y = scale(0, top, box.bottom, box.top);
    this.#svg.replaceChildren(
      ...this.#grid(top, y, box), ...this.#times(x, box),
      ...values.flatMap((of, i) => line(lineOf(of, x, y), i + 1, box)), ...this.#mark(x, box),
    );
    this.#svg.setAttribute('aria-label', this.#summary(values));
    this.#showFigures(values);
  }

  #grid(top, y, { left, right, unit }) {
    return [0, top / 2, top].flatMap((value) => [
      draw('line', { class: 'chart-grid', x1: left, x2: right, y1: y(value), y2: y(value) }),
      draw('text', {
        class: 'chart-tick', x: left - unit / 2, y: y(value) + unit / 3, 'text-anchor': 'end',
      }, this.#format(value)),
    ]);
  }

  #times(x, { unit }) {
    return this.#span.ticks.map((minutes, i) => {
      const [text, anchor] = i === 0 ? [`${minutes} min`, 'start']
        : minutes === 0 ? ['now', 'end'] : [String(minutes), 'middle'];
      return draw('text', {
        class: 'chart-tick', x: x(this.#now - minutes * 60_000), y: (HEIGHT - 0.4) * unit, 'text-anchor': anchor,
      }, text);
    });
  }

  /** The point that the pointer is at; null if there is none near. */
  #pointed() {
    if (this.#pointedAt === null) return null;
    return nearest(this.#points.filter(({ isBreak }) => !isBreak), this.#pointedAt);
  }

  #mark(x, { top, bottom }) {
    const point = this.#pointed();
    if (!point) return [];
    return [draw('line', { class: 'chart-mark', x1: x(point.at), x2: x(point.at), y1: top, y2: bottom })];
  }

  #showFigures(values) {
    const point = this.#pointed();
    setText(this.#when, point ? `at ${timeOfDay(point.at)}` : '');
    this.#lines.forEach(({ figure, value }, i) => {
      setText(figure, this.#format(point ? value(point) : values[i].at(-1)?.value ?? null));
    });
  }

  /** The description of the picture for screen readers. */
  #summary(values) {
    const parts = this.#lines.map(({ name }, i) => {
      const known = values[i].filter(({ value }) => value !== null);
      if (known.length === 0) return `${name}: not known`;
      const { value } = values[i].at(-1);
      const now = value === null ? 'not known' : this.#format(value);
      return `${name}: now ${now}, at most ${this.#format(largest(known))}`;
    });
    return `${this.#title} in the last ${this.#span.ms / 60_000} minutes. ${parts.join('. ')}.`;
  }

  #fillTable() {
    if (!this.#details.open) return;
    const minutes = perMinute(this.#points, this.#lines, (point, line) => line.value(point));
    fill(this.#table, ...minutes.map(({ at, values }) => make('tr', {},
      make('th', { scope: 'row', class: 'figure' }, timeOfDay(at).slice(0, 5)),
      values.map((value) => make('td', { class: 'number' }, this.#format(value))))));
  }
}

customElements.define('line-chart', LineChart);
