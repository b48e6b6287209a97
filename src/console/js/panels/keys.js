// keys.js - the panel of the key/value store: get, set with a time to live, and delete. The store has
// no list of its keys, so the panel lists what was done here, while the page lives.

import { announce } from '../announce.js';
import { AS_TYPED, button, field, make, setText } from '../dom.js';
import { durationWords, parseTtl, timeOfDay, TTL } from '../lib/duration.js';
import { longText } from '../long_text.js';
import { definePanel, Panel, panelHead } from '../panel.js';

const ROWS_MAX = 50;
const NO_KEY = /^no key /;
const CHANGED = ' The field ends its lines with LF only, and Set would write them so.';

class KeysPanel extends Panel {
  #key = make('input', {
    class: 'input data', name: 'key', required: true, ...AS_TYPED, placeholder: 'settings/theme',
  });
  #value = make('textarea', { class: 'input data', name: 'value', rows: 5, spellcheck: 'false' });
  #ttl = make('input', {
    class: 'input', name: 'ttl', autocomplete: 'off', placeholder: 'forever', oninput: () => this.#ttl.setCustomValidity(''),
  });
  #result = make('p', { class: 'notice', hidden: true });
  #rows = make('tbody');
  #history = make('section', { class: 'stack', hidden: true }, make('h2', {}, 'Done on this page'),
    make('table', { class: 'table' },
      make('thead', {}, make('tr', {}, ['Time', 'Key and result', ''].map((name) => make('th', { scope: 'col' }, name || make('span', { class: 'unseen' }, 'Again'))))),
      this.#rows));

  build() {
    const form = make('form', { class: 'card stack', novalidate: true, onsubmit: (event) => this.#submit(event) },
      make('div', { class: 'row' },
        field('Key', this.#key, { class: 'grow' }),
        make('button', { type: 'submit', class: 'button button-main' }, 'Get'),
        button('Delete', () => this.#withKey(() => this.#delete()))),
      field('Value', this.#value),
      make('div', { class: 'row row-top' },
        field('Time to live', this.#ttl, { class: 'grow', hint: `${TTL.hint} Empty: forever.` }),
        button('Set', () => this.#withKey(() => this.#set()))),
      this.#result);
    this.append(panelHead('Keys'), form, this.#history);
  }

  #submit(event) {
    event.preventDefault();
    this.#withKey(() => this.#get());
  }

  /** Only "Set" concerns the time to live, so the others do not mind what it is. */
  #withKey(how) {
    if (this.#key.reportValidity()) how();
  }

  get #name() {
    return this.#key.value.trim();
  }

  async #get() {
    const key = this.#name;
    try {
      const { value } = await this.hub.call('get', { key });
      const isShown = key === this.#name; // nobody has typed another key meanwhile
      if (isShown) this.#value.value = value;
      const isChanged = isShown && this.#value.value !== value; // a field knows LF only
      this.#tell('good', key, `Read ${size(value)}.${isChanged ? CHANGED : ''}`, value);
    } catch (error) {
      this.#tell(NO_KEY.test(error.message) ? '' : 'bad', key, sentence(error.message));
    }
  }

  async #set() {
    const key = this.#name;
    const value = this.#value.value;
    const ttl = this.#seconds();
    if (ttl === null) return;
    try {
      await this.hub.call('set', { key, value, ttl });
      const life = ttl ? `It expires in ${durationWords(ttl * 1000)}.` : 'It stays until it is deleted.';
      this.#tell('good', key, `Set to ${size(value)}. ${life}`, value);
    } catch (error) {
      this.#tell('bad', key, sentence(error.message));
    }
  }

  async #delete() {
    const key = this.#name;
    try {
      const { success } = await this.hub.call('del', { key });
      this.#tell(success ? 'good' : '', key, success ? 'Deleted.' : 'There is no such key.');
    } catch (error) {
      this.#tell('bad', key, sentence(error.message));
    }
  }

  /** The time to live in seconds, 0 for forever; null, with a complaint at the field, if it is wrong. */
  #seconds() {
    const seconds = parseTtl(this.#ttl.value);
    this.#ttl.setCustomValidity(seconds === null ? TTL.fault : '');
    this.#ttl.reportValidity();
    return seconds;
  }

  #tell(kind, key, text, value) {
    this.#result.hidden = false;
    this.#result.dataset.kind = kind;
    setText(this.#result, `${key}: ${text}`);
    announce(text);
    this.#history.hidden = false;
    this.#rows.prepend(make('tr', {},
      make('td', { class: 'figure time' }, timeOfDay(Date.now())),
      make('td', {}, make('span', { class: 'data' }, key), ` ${text}`, value ? longText(value) : ''),
      make('td', { class: 'number' }, button('Get', () => this.#again(key), { 'aria-label': `Get ${key} again` }))));
    while (this.#rows.children.length > ROWS_MAX) this.#rows.lastChild.remove();
  }

  #again(key) {
    this.#key.value = key;
    this.#get();
  }
}

function size(value) {
  const bytes = new TextEncoder().encode(value).length;
  return `${bytes} byte${bytes === 1 ? '' : 's'}`;
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

definePanel('keys', 'Keys', KeysPanel);
