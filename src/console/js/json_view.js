// json_view.js - <json-view>: a JSON text as a tree that opens, closes and can be searched.

import { button, fill, make, setText } from './dom.js';
import { icon } from './icons.js';
import { finder } from './lib/filter.js';
import { findNodes, openLines, openOuter, parseJson, reveal } from './lib/json_model.js';
import { visibleLine } from './lib/visible.js';

const FIRST_LINES = 400;
const MOST_OPEN = 200;
const MOST_TEXT = 2000; // characters of a string; the rest is left out until it is asked for

class JsonView extends HTMLElement {
  #root = null;
  #most = FIRST_LINES;
  #found = [];
  #at = 0; // the index of the current one of #found
  #search;
  #count;
  #lines;

  /** Shows the text; false if it is not a JSON object or array. */
  show(text) {
    this.#root = parseJson(text);
    if (!this.#root) return false;
    if (!this.#search) this.#build();
    openOuter(this.#root, MOST_OPEN);
    this.#most = FIRST_LINES;
    this.#find();
    return true;
  }

  #build() {
    this.#search = make('input', {
      class: 'input', type: 'search', placeholder: 'Find in this message', 'aria-label': 'Find in this message',
      oninput: () => this.#find(),
      onkeydown: (event) => event.key === 'Enter' && this.#step(event.shiftKey ? -1 : 1),
    });
    this.#count = make('span', { class: 'figure small soft', role: 'status' });
    this.#lines = make('div', { class: 'json data' });
    this.append(make('div', { class: 'json-search' }, icon('find'), this.#search, this.#count), this.#lines);
  }

  #find() {
    const text = this.#search.value;
    this.#found = text ? findNodes(this.#root, finder(text)) : [];
    this.#at = 0;
    this.#reveal();
  }

  #step(by) {
    if (this.#found.length === 0) return;
    this.#at = (this.#at + by + this.#found.length) % this.#found.length;
    this.#reveal();
  }

  #reveal() {
    const current = this.#found[this.#at];
    if (current) reveal(current);
    const total = this.#found.length;
    setText(this.#count, total ? `${this.#at + 1} of ${total}` : this.#search.value ? 'not found' : '');
    this.#draw();
    this.#lines.querySelector('[data-current]')?.scrollIntoView({ block: 'nearest' });
  }

  #draw() {
    const current = this.#found[this.#at];
    let lines = openLines(this.#root, this.#most + 1);
    if (current && !lines.slice(0, this.#most).some(({ node }) => node === current)) {
      this.#most = openLines(this.#root).findIndex(({ node }) => node === current) + MOST_OPEN;
      lines = openLines(this.#root, this.#most + 1);
    }
    const found = new Set(this.#found);
    fill(this.#lines, lines.slice(0, this.#most).map((line) => this.#line(line, found, current)),
      lines.length > this.#most && button('Show more lines', () => {
        this.#most *= 2;
        this.#draw();
      }));
  }

  #line({ node, depth, isEnd }, found, current) {
    const isFound = found.has(node) && !isEnd;
    const line = make('div', { class: 'json-line', 'data-current': isFound && node === current });
    line.style.setProperty('--depth', Math.min(depth, 12));
    if (isEnd) line.append(node.kind === 'object' ? '}' : ']');
    else line.append(...this.#parts(node, isFound));
    return line;
  }

  #parts(node, isFound) {
    const key = typeof node.key === 'string'
      ? [make('span', { class: 'json-key' }, visibleLine(node.key)), ': '] : [];
    const value = node.items ? this.#bracket(node) : [scalar(node)];
    return isFound ? [make('mark', {}, ...key, ...value)] : [...key, ...value];
  }

  /** The beginning of an object or array, with a button that opens and closes it. */
  #bracket(node) {
    const [begin, end] = node.kind === 'object' ? '{}' : '[]';
    const count = node.items.length;
    if (count === 0) return [begin + end];
    const unit = node.kind === 'object' ? 'member' : 'item';
    const hint = `${count} ${unit}${count === 1 ? '' : 's'}`;
    const toggle = make('button', {
      type: 'button', class: 'json-toggle', 'aria-expanded': String(node.isOpen),
      'aria-label': `${node.key ?? 'all'}: ${hint}`,
      onclick: () => {
        node.isOpen = !node.isOpen;
        this.#draw();
        this.#lines.querySelector(`[data-node="${nodeId(node)}"]`)?.focus();
      },
      'data-node': nodeId(node),
    });
    return node.isOpen ? [begin, toggle] : [begin, toggle, end, make('span', { class: 'soft' }, ` ${hint}`)];
  }
}

const ids = new WeakMap();
let nextId = 1;

function nodeId(node) {
  if (!ids.has(node)) ids.set(node, nextId++);
  return ids.get(node);
}

function scalar({ kind, text }) {
  const isLong = text.length > MOST_TEXT;
  const shown = visibleLine(isLong ? text.slice(0, MOST_TEXT) : text);
  const quoted = kind === 'string' ? `"${shown}${isLong ? '' : '"'}` : shown;
  const value = make('span', { class: `json-${kind}`, dir: 'auto' }, quoted);
  if (!isLong) return value;
  const rest = button(`… ${text.length.toLocaleString('en')} characters`, () => {
    rest.replaceWith(`${visibleLine(text.slice(MOST_TEXT))}"`);
  }, { class: 'json-rest' });
  return make('span', {}, value, rest);
}

customElements.define('json-view', JsonView);
