// subscriptions.js - <message-subscriptions>: the form that subscribes, and the list of
// subscriptions.

import { announce } from '../announce.js';
import { AS_TYPED, button, make, setText } from '../dom.js';
import { icon } from '../icons.js';
import { isTopicOrPattern } from '../lib/topic.js';

const TONES = 6;
const ALL = 1; // as `since`: a moment before every message

const HISTORIES = [
  ['From now on', {}],
  ['Last minute', { since: -60_000 }],
  ['Last 10 minutes', { since: -600_000 }],
  ['Last hour', { since: -3_600_000 }],
  ['Last day', { since: -86_400_000 }],
  ['Everything kept', { since: ALL }],
  ['After an id…', null],
];

class MessageSubscriptions extends HTMLElement {
  #hub;
  #feed;
  #changed;
  #chosen;
  #sources = new Map(); // topic -> { tone, count, subscription, item, ... }
  #topic;
  #history;
  #id;
  #fault;
  #list;

  /** `changed()` is called when messages have arrived, `chosen(topic)` when somebody subscribes. */
  start(hub, feed, { changed, chosen }) {
    this.#hub = hub;
    this.#feed = feed;
    this.#changed = changed;
    this.#chosen = chosen;
    this.#build();
  }

  get size() {
    return this.#sources.size;
  }

  /** Brings the counts up to date. */
  showCounts() {
    for (const { count, countCell } of this.#sources.values()) setText(countCell, count.toLocaleString('en'));
  }

  #build() {
    this.#topic = make('input', {
      class: 'input data grow', name: 'subscribe', required: true, maxlength: 256,
      placeholder: 'Topic or pattern: news/#', 'aria-label': 'Topic or pattern', ...AS_TYPED,
    });
    this.#history = make('select',
      { class: 'input', 'aria-label': 'History', onchange: () => this.#chooseHistory() },
      HISTORIES.map(([text], i) => make('option', { value: i }, text)));
    this.#id = make('input', {
      class: 'input data', hidden: true, placeholder: '1574843571767-0',
      'aria-label': 'Messages after this id', ...AS_TYPED,
    });
    this.#fault = make('p', { class: 'fault', role: 'alert', id: 'subscribe-fault' });
    this.#list = make('ul', { class: 'subscriptions', 'aria-label': 'Subscriptions' });
    const form = make('form', { class: 'subscribe' }, this.#topic, this.#history, this.#id,
      make('button', { type: 'submit', class: 'button button-main' }, 'Subscribe'));
    form.noValidate = true;
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    this.append(form, this.#fault, this.#list);
  }

  #chooseHistory() {
    this.#id.hidden = HISTORIES[this.#history.value][1] !== null;
    if (!this.#id.hidden) this.#id.focus();
  }

  #submit() {
    const topic = this.#topic.value.trim();
    const id = this.#id.value.trim();
    const history = HISTORIES[this.#history.value][1] ?? { sinceEventId: id };
    const fault = faultOf(topic, history);
    setText(this.#fault, fault);
    this.#topic.setAttribute('aria-invalid', fault !== '');
    this.#topic.setAttribute('aria-describedby', this.#fault.id);
    if (fault) return this.#topic.focus();
    this.#topic.value = '';
    return this.subscribe(topic, history);
  }

  /** Subscribes; a subscription to the same topic or pattern is replaced. */
  subscribe(topic, history) {
    this.#remove(topic);
    const source = { tone: this.#freeTone(), count: 0, wantsAll: history.since === ALL };
    source.countCell = make('span', { class: 'figure soft' }, '0');
    source.stateCell = make('span', { class: 'subscription-state' });
    source.item = make('li', { class: 'subscription', 'data-tone': source.tone },
      make('span', { class: 'data subscription-topic' }, topic), source.countCell, source.stateCell,
      button(icon('close'), () => this.#end(topic),
        { class: 'button button-plain button-icon', 'aria-label': `Unsubscribe from ${topic}` }));
    this.#sources.set(topic, source);
    this.#list.append(source.item);
    source.subscription = this.#hub.subscribe(topic, history, this.#listener(source));
    this.#showState(source, source.subscription);
    this.#chosen(topic);
    this.#changed();
  }

  #listener(source) {
    return {
      message: (message, subscription) => {
        this.#feed.message(message, source, subscription.isLive(message.id ?? ''));
        this.#changed();
      },
      gap: (topic) => {
        this.#feed.mark('gap', topic, `The server lost messages of ${topic} and cannot recover them`);
        this.#changed();
      },
      confirmed: (result, subscription) => {
        const isFirst = !source.isConfirmed;
        source.isConfirmed = true;
        if (result.recovered !== false || (isFirst && source.wantsAll)) return;
        this.#feed.mark('incomplete', subscription.topic,
          `The log does not hold everything of ${subscription.topic} that was asked for (recovered: false)`);
        this.#changed();
      },
      changed: (subscription) => this.#showState(source, subscription),
    };
  }

  #showState(source, { topic, state, error }) {
    const text = {
      waiting: 'waits for a connection', joining: 'subscribing', refused: `refused: ${String(error).replace(` "${topic}"`, ' it')}`,
    }[state] ?? '';
    source.item.dataset.state = state;
    setText(source.stateCell, text);
    if (state === 'live') announce(`Subscribed to ${topic}`);
    if (state === 'refused') announce(`${topic}: ${text}`);
  }

  #end(topic) {
    const next = this.#sources.get(topic).item.nextElementSibling?.querySelector('button');
    this.#remove(topic);
    announce(`Unsubscribed from ${topic}`);
    (next ?? this.#topic).focus();
    this.#changed();
  }

  #remove(topic) {
    const source = this.#sources.get(topic);
    if (!source) return;
    this.#sources.delete(topic);
    source.item.remove();
    this.#hub.unsubscribe(source.subscription);
  }

  /** The tone that fewest subscriptions have. */
  #freeTone() {
    const uses = new Array(TONES + 1).fill(0);
    for (const { tone } of this.#sources.values()) uses[tone]++;
    return uses.indexOf(Math.min(...uses.slice(1)), 1);
  }
}

function faultOf(topic, { sinceEventId }) {
  if (!topic) return 'Type a topic such as news/today, or a pattern such as news/#.';
  if (!isTopicOrPattern(topic)) {
    return 'A topic has levels of a-z, A-Z, 0-9, - and _ with / between them; ' +
      '+ stands for one level, # at the end for all that follow.';
  }
  if (sinceEventId !== undefined && !/^\d+-\d+$/.test(sinceEventId)) {
    return 'An id looks like 1574843571767-0.';
  }
  return '';
}

customElements.define('message-subscriptions', MessageSubscriptions);
