// long_text.js - data of any length and kind in a table or card: one line, which can be opened if there
// is more. JSON opens as a tree. Everything becomes text nodes.

import { fill, make } from './dom.js';
import './json_view.js';
import { visibleLine, visibleText } from './lib/visible.js';

const LINE = 160;

function whole(text) {
  const tree = make('json-view');
  return tree.show(text) ? tree : make('pre', { class: 'data', dir: 'auto' }, visibleText(text));
}

/** The text as an element. `dir=auto` lets right-to-left text begin where it should, and only it. */
export function longText(text) {
  const line = make('bdi', { class: 'data', dir: 'auto' }, visibleLine(text.slice(0, LINE)));
  const hasMore = text.length > LINE || text.includes('\n') || /^\s*[[{]/.test(text);
  if (!hasMore) return line;
  const room = make('div', {
    class: 'long-text-whole', tabindex: 0, role: 'group', 'aria-label': 'The whole text',
  });
  const details = make('details', { class: 'long-text' }, make('summary', {}, line), room);
  details.ontoggle = () => fill(room, details.open && whole(text));
  return details;
}
