// publish.js - <message-publish>: publishes a message and shows what the server answered.

import { announce } from '../announce.js';
import { AS_TYPED, button, field, make } from '../dom.js';
import { parseTtl, timeOfDay, TTL } from '../lib/duration.js';
import { visibleLine } from '../lib/visible.js';

const MOST_ANSWERS = 4;
const KEY_HINT = 'Within 300 seconds, a second publish with this key to the topic changes nothing';

class MessagePublish extends HTMLElement {
  #hub;
  #topic;
  #text;
  #ttl;
  #key;
  #answers;

  set hub(hub) {
    this.#hub = hub;
    this.#build();
  }

  /** Fills the form with a message, for a change. */
  edit({ topic, text }) {
    this.#topic.value = topic;
    this.#text.value = text;
    this.#text.focus();
  }

  /** Names a topic in the empty field that somebody listens to. */
  suggest(topic) {
    this.#topic.placeholder = topic;
  }

  #build() {
    const control = (tag, attributes) => make(tag, { class: 'input data', ...AS_TYPED, ...attributes });
    this.#topic = control('input', { name: 'topic', required: true, maxlength: 256, placeholder: 'news/today' });
    this.#text = control('textarea', { name: 'message', rows: 3, required: true });
    this.#ttl = control('input', {
      name: 'ttl', placeholder: 'default', title: TTL.hint, oninput: () => this.#ttl.setCustomValidity(''),
    });
    this.#key = control('input', { name: 'key', maxlength: 64, placeholder: 'none', title: KEY_HINT });
    this.#answers = make('ol', { class: 'answers', 'aria-label': 'Answers' });
    const form = make('form', { class: 'stack stack-close' },
      field('Topic', this.#topic), field('Message', this.#text),
      make('div', { class: 'pair' },
        field('Time to live', this.#ttl),
        field('Key', this.#key)),
      make('div', { class: 'row row-buttons' },
        make('button', { type: 'submit', class: 'button button-main' }, 'Publish'),
        button('New key', () => { this.#key.value = crypto.getRandomValues(new Uint32Array(2)).join('-'); }),
        make('span', { class: 'small soft' }, 'or Ctrl+Enter')));
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#publish();
    };
    this.#text.onkeydown = (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    };
    this.append(form, this.#answers);
  }

  async #publish() {
    const params = { topic: this.#topic.value.trim(), message: this.#text.value };
    const ttl = parseTtl(this.#ttl.value);
    this.#ttl.setCustomValidity(ttl === null ? TTL.fault : '');
    if (!this.#ttl.reportValidity()) return;
    if (this.#ttl.value.trim()) params.ttl = ttl;
    if (this.#key.value) params.key = this.#key.value;
    const from = performance.now();
    try {
      const { id, status } = await this.#hub.call('publish', params);
      const ms = Math.round(performance.now() - from);
      if (id) this.#answer('good', 'Published', `${id} in ${ms} ms`);
      else this.#answer('warn', 'Not published', status === 'ERR_RATE_LIMIT_EXCEEDED'
        ? "over the token's rate limit; try again later" : status);
    } catch (error) {
      this.#answer('bad', 'Publish failed', error.message);
    }
  }

  #answer(kind, what, detail) {
    this.#answers.prepend(make('li', { 'data-kind': kind },
      make('span', { class: 'lamp' }),
      make('span', { class: 'data small soft' }, timeOfDay(Date.now())),
      make('span', { class: 'figure' }, `${what}: ${visibleLine(detail)}`)));
    while (this.#answers.children.length > MOST_ANSWERS) this.#answers.lastChild.remove();
    announce(`${what}: ${detail}`);
  }
}

customElements.define('message-publish', MessagePublish);
