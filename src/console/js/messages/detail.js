// detail.js - <message-detail>: one message in full, with what can be done with it.

import { addressOf } from '../address.js';
import { copyButton } from '../clipboard.js';
import { button, fill, make } from '../dom.js';
import { icon } from '../icons.js';
import '../json_view.js';
import { clockTime, fraction } from '../lib/duration.js';
import { asCurl, asTool } from '../lib/quote.js';
import { visibleLine, visibleText } from '../lib/visible.js';
import { KINDS } from './row.js';

const PART = 20_000; // characters of a text that are shown at a time

class MessageDetail extends HTMLElement {
  hub = null;
  onEdit = null; // (entry): publish it again, changed
  onClose = null;

  /** Shows an entry of the store. */
  show(entry) {
    const close = button(icon('close'), () => this.onClose(),
      { class: 'button button-plain button-icon', 'aria-label': 'Close the message' });
    const isMessage = entry.kind === 'message';
    const title = make('h2', { tabindex: -1, class: isMessage && 'data' },
      isMessage ? entry.topic : KINDS[entry.kind]);
    const head = make('div', { class: 'detail-head' }, title, close);
    if (!isMessage) return fill(this, head, make('p', {}, entry.text));
    return fill(this, head, facts(entry), this.#actions(entry), body(entry.text));
  }

  focusHead() {
    this.querySelector('h2')?.focus();
  }

  #actions(entry) {
    const from = () => ({ base: addressOf('..').href, hasToken: this.hub.hasToken });
    const small = { class: 'button button-small' };
    const copy = (as, text) => copyButton([make('span', { class: 'unseen' }, 'Copy as '), as], text, small);
    return make('div', { class: 'detail-actions' },
      make('span', { class: 'small soft', 'aria-hidden': 'true' }, 'Copy as'),
      copy('text', () => entry.text),
      copy('eventhubctl', () => asTool(entry, from())),
      copy('curl', () => asCurl(entry, from())),
      button(['Edit', make('span', { class: 'unseen' }, ' and publish')], () => this.onEdit(entry), small));
  }
}

function facts({ id, at, origin, text }) {
  const rows = [
    ['Id', id || 'none: published by another program on the same Redis'],
    ['Time', clockTime(at) + fraction(at)],
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
