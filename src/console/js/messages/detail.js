// detail.js - <message-detail>: one message in full, with what can be done with it.

import { copyButton } from '../clipboard.js';
import { button, fill, make } from '../dom.js';
import { icon } from '../icons.js';
import '../json_view.js';
import { clockTime } from '../lib/duration.js';
import { asCurl, asTool } from '../lib/quote.js';
import { visibleLine, visibleText } from '../lib/visible.js';

const PART = 20_000; // characters of a text that are shown at a time

class MessageDetail extends HTMLElement {
  hub = null;
  onEdit = null; // (entry): publish it again, changed
  onClose = null;

  /** Shows an entry of the store. */
  show(entry) {
    const close = make('button', {
      type: 'button', class: 'button button-plain button-icon', 'aria-label': 'Close the message', onclick: () => this.onClose(),
    }, icon('close'));
    const head = make('div', { class: 'panel-head' }, make('h2', { tabindex: -1 }, 'Message'), close);
    if (entry.kind !== 'message') return fill(this, head, make('p', {}, entry.text));
    return fill(this, head, facts(entry), this.#actions(entry), body(entry.text));
  }

  focusHead() {
    this.querySelector('h2')?.focus();
  }

  #actions(entry) {
    const from = () => ({ base: new URL('..', document.baseURI).href, hasToken: this.hub.hasToken });
    return make('div', { class: 'row detail-actions' },
      copyButton('Copy text', () => entry.text),
      copyButton('Copy as eventhubctl', () => asTool(entry, from())),
      copyButton('Copy as curl', () => asCurl(entry, from())),
      button('Edit and publish', () => this.onEdit(entry)));
  }
}

function facts({ id, at, topic, origin, text }) {
  const rows = [
    ['Topic', topic],
    ['Id', id || 'none: published by another program on the same Redis'],
    ['Time', `${clockTime(at)}.${String(at % 1000).padStart(3, '0')}`],
    ['Origin', origin ? visibleLine(origin) : 'none'],
    ['Size', `${new Blob([text]).size.toLocaleString('en')} bytes`],
  ];
  return make('dl', { class: 'facts' }, rows.flatMap(([name, value]) => [
    make('dt', {}, name), make('dd', { class: name === 'Origin' ? '' : 'data' }, value),
  ]));
}

function body(text) {
  const tree = document.createElement('json-view');
  return tree.show(text) ? tree : plain(text);
}

/** The text, in parts: a megabyte in one piece would take the browser seconds to lay out. */
function plain(text) {
  const shown = make('pre', { class: 'detail-text', dir: 'auto' });
  const box = make('div', {}, shown);
  let end = 0;
  const more = button('', () => {
    const from = end;
    end = Math.min(text.length, end + PART);
    if (/[\ud800-\udbff]/.test(text[end - 1])) end++; // not between the halves of a character
    shown.append(visibleText(text.slice(from, end)));
    more.hidden = end === text.length;
    more.textContent = `Show more: ${(text.length - end).toLocaleString('en')} characters left`;
  });
  more.click();
  box.append(more);
  return box;
}

customElements.define('message-detail', MessageDetail);
