// row.js - one row of the list of messages. Rows are used again for other messages.

import { make, setText } from '../dom.js';
import { fraction, timeOfDay } from '../lib/duration.js';
import { visibleLine } from '../lib/visible.js';

const MOST_SHOWN = 400; // characters; no screen is wider

/** The texts of rows that are not messages. */
export const KINDS = {
  gap: 'Messages were lost here',
  incomplete: 'History incomplete',
  skipped: 'Too fast to show all',
};

export function makeRow() {
  return make('div', { class: 'message' },
    make('span', { class: 'message-time data' }), make('span', { class: 'message-topic data' }),
    make('span', { class: 'message-origin' }), make('span', { class: 'message-id data' }),
    make('span', { class: 'message-text data', dir: 'auto' }));
}

export function drawRow(row, { kind, id, at, topic, origin, text, tone }) {
  const [time, topicCell, originCell, idCell, textCell] = row.children;
  row.dataset.kind = kind;
  row.dataset.tone = tone;
  setText(time, timeOfDay(at) + fraction(at));
  setText(topicCell, kind === 'message' ? topic : KINDS[kind]);
  setText(originCell, visibleLine(origin));
  setText(idCell, id);
  setText(textCell, visibleLine(text.slice(0, MOST_SHOWN)));
}
