// log.js - the panel that browses the event log: by topic or pattern, from a time or an id on, page by
// page, or its newest messages.

import { announce } from '../announce.js';
import { AS_TYPED, button, field, fill, make, setText } from '../dom.js';
import { clockTime } from '../lib/duration.js';
import { idTime } from '../lib/ids.js';
import { BEGINNING, LogPages, positionBefore } from '../lib/log_pages.js';
import { visibleLine } from '../lib/visible.js';
import { longText } from '../long_text.js';
import { definePanel, Panel, panelHead } from '../panel.js';

const PAGE = 100;
const MINUTE = 60_000;
const STARTS = [
  ['newest', `the newest ${PAGE}`],
  [String(5 * MINUTE), '5 minutes ago'],
  [String(60 * MINUTE), '1 hour ago'],
  [String(24 * 60 * MINUTE), '24 hours ago'],
  ['beginning', 'the beginning'],
  ['time', 'a time…'],
  ['id', 'an id…'],
];

/** The newest messages as one page, the newest first. */
class NewestPage {
  items = [];
  isComplete = true;
  hasMore = false;
  number = 1;

  constructor(call, topic) {
    this.call = call;
    this.topic = topic;
  }

  async read() {
    const { items } = await this.call('eventlog', { topic: this.topic, since: 1, limit: PAGE });
    this.items = items.reverse();
    return items.length > 0;
  }
}

class LogPanel extends Panel {
  #topic = make('input', {
    class: 'input data', name: 'topic', required: true, value: '#', ...AS_TYPED,
  });
  #start = make('select', { class: 'input', name: 'start', onchange: () => this.#showStart() },
    STARTS.map(([value, text]) => make('option', { value }, text)));
  #time = make('input', { class: 'input', type: 'datetime-local', step: '1', name: 'time' });
  #id = make('input', { class: 'input data', name: 'id', ...AS_TYPED, placeholder: '1574843571767-0' });
  #timeField = field('Time', this.#time);
  #idField = field('After the id', this.#id);
  #notice = make('p', { class: 'notice', hidden: true });
  #empty = make('div', { class: 'empty card' },
    make('h2', {}, 'Read the event log'),
    make('p', {}, 'The log keeps each message for a while. Choose a topic or pattern, and where to begin.'));
  #rows = make('tbody');
  #table = make('table', { class: 'table log-table', hidden: true },
    make('thead', {}, make('tr', {}, ['Time', 'Topic', 'Message', 'Origin', 'Id'].map((name) => make('th', { scope: 'col' }, name)))),
    this.#rows);
  #count = make('p', { class: 'soft figure' });
  #previous = button('Previous page', () => this.#turn((pages) => pages.previous()));
  #next = button('Next page', () => this.#turn((pages) => pages.next()));
  #pager = make('nav', { class: 'row log-pager', 'aria-label': 'Pages of the log', hidden: true },
    this.#count, this.#previous, this.#next);
  #pages = null;

  build() {
    const form = make('form', { class: 'row', onsubmit: (event) => this.#submit(event) },
      field('Topic or pattern', this.#topic, { class: 'grow' }),
      field('Begin at', this.#start), this.#timeField, this.#idField,
      make('button', { type: 'submit', class: 'button button-main' }, 'Read'));
    this.append(panelHead('Log'), form, this.#notice, this.#empty, this.#table, this.#pager);
    this.#showStart();
  }

  #showStart() {
    const isTime = this.#start.value === 'time';
    if (isTime && !this.#time.value) this.#time.value = clockTime(Date.now() - 10 * MINUTE).replace(' ', 'T');
    this.#timeField.hidden = !isTime;
    this.#idField.hidden = this.#start.value !== 'id';
    this.#time.required = isTime;
    this.#id.required = this.#start.value === 'id';
  }

  /** The pages that the form asks for. */
  #chosen() {
    const call = (method, params) => this.hub.call(method, params);
    const topic = this.#topic.value.trim();
    const start = this.#start.value;
    if (start === 'newest') return new NewestPage(call, topic);
    const positions = {
      beginning: () => BEGINNING,
      time: () => positionBefore(new Date(this.#time.value).getTime()),
      id: () => this.#id.value.trim(),
    };
    const position = positions[start]?.() ?? positionBefore(this.hub.now() - Number(start));
    return new LogPages(call, { topic, position, limit: PAGE });
  }

  #submit(event) {
    event.preventDefault();
    this.#pages = this.#chosen();
    this.#turn((pages) => pages.read());
  }

  async #turn(how) {
    const pages = this.#pages;
    this.setAttribute('aria-busy', 'true');
    try {
      const hasMessages = await how(pages);
      if (pages === this.#pages) this.#show(pages, hasMessages);
    } catch (error) {
      if (pages === this.#pages && pages.items.length === 0) this.#showTable(false);
      this.#say('bad', `The log cannot be read: ${error.message}.`);
    }
    this.removeAttribute('aria-busy');
  }

  #showTable(isShown) {
    this.#table.hidden = !isShown;
    this.#pager.hidden = !isShown;
  }

  #say(kind, text) {
    this.#notice.hidden = !text;
    this.#notice.dataset.kind = kind;
    setText(this.#notice, text);
    if (text) announce(text);
  }

  #show(pages, hasMessages) {
    const { items, number, hasMore } = pages;
    const isNewest = pages instanceof NewestPage;
    this.#empty.hidden = items.length > 0;
    this.#showTable(items.length > 0);
    this.#previous.hidden = isNewest;
    this.#next.hidden = isNewest;
    this.#previous.disabled = number === 1;
    setText(this.#next, hasMore ? 'Next page' : 'Look for newer messages');
    fill(this.#rows, ...items.map(row));
    this.#sayWhatIsMissing(pages, hasMessages);
    if (items.length === 0) {
      fill(this.#empty, make('h2', {}, 'No messages'),
        make('p', {}, 'The log holds no message of this topic from there on. Messages expire, so older ones may have been there.'));
      return;
    }
    const range = isNewest ? 'newest first'
      : `${clockTime(idTime(items[0].id))} to ${clockTime(idTime(items.at(-1).id))}`;
    const count = `${items.length} message${items.length === 1 ? '' : 's'}`;
    const page = isNewest ? count : `Page ${number}: ${count}`;
    setText(this.#count, `${page}, ${range}`);
    announce(page);
  }

  #sayWhatIsMissing({ items, isComplete }, hasMessages) {
    if (!isComplete && items.length > 0) {
      return this.#say('warn', 'Messages are missing before the first one: the log no longer holds everything from there on.');
    }
    if (!hasMessages && items.length > 0) return this.#say('', 'There are no newer messages yet.');
    return this.#say('', '');
  }
}

function row({ id, topic, message, origin = '' }) {
  return make('tr', {},
    make('td', { class: 'figure log-time', 'data-name': 'Time' }, clockTime(idTime(id))),
    make('td', { class: 'data log-topic', 'data-name': 'Topic' }, topic),
    make('td', { class: 'log-message', 'data-name': 'Message' }, longText(message)),
    make('td', { class: 'log-origin', 'data-name': 'Origin' }, make('bdi', {}, visibleLine(origin))),
    make('td', { class: 'data log-id', 'data-name': 'Id' }, id));
}

definePanel('log', 'Log', LogPanel);
