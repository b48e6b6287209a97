// presence.js - the panel that asks how many clients are subscribed to a topic, and who they are.

import { announce } from '../announce.js';
import { AS_TYPED, field, fill, make, setText } from '../dom.js';
import { timeOfDay } from '../lib/duration.js';
import { visibleLine } from '../lib/visible.js';
import { definePanel, Panel, panelHead } from '../panel.js';

const REPEAT_MS = 5000;

class PresencePanel extends Panel {
  #topic = make('input', {
    class: 'input data', name: 'topic', required: true, ...AS_TYPED, placeholder: 'news/today',
  });
  #repeat = make('input', { type: 'checkbox', name: 'repeat', onchange: () => this.#schedule() });
  #notice = make('p', { class: 'notice', hidden: true });
  #empty = make('div', { class: 'empty card' }, make('h2', {}, 'Who listens?'),
    make('p', {}, 'Enter a topic to count the clients, on all nodes, that would receive a message published to it.'));
  #count = make('p', { class: 'presence-count figure' });
  #meaning = make('p', {});
  #who = make('ul', { class: 'presence-who' });
  #whoNote = make('p', { class: 'soft small' });
  #at = make('p', { class: 'soft small figure' });
  #answer = make('section', { class: 'card stack', hidden: true, 'aria-label': 'Answer' },
    make('div', {}, this.#count, this.#meaning), this.#who, this.#whoNote, this.#at);
  #asked = '';
  #spoken = ''; // what was announced last: repeated answers are not
  #timer = null;

  build() {
    const form = make('form', { class: 'row', onsubmit: (event) => this.#submit(event) },
      field('Topic or pattern', this.#topic, { class: 'grow' }),
      make('label', { class: 'check' }, this.#repeat, 'Every 5 seconds'),
      make('button', { type: 'submit', class: 'button button-main' }, 'Count'));
    this.append(panelHead('Presence'), form, this.#notice, this.#empty, this.#answer);
  }

  shown() {
    this.#schedule();
  }

  gone() {
    clearTimeout(this.#timer);
  }

  #submit(event) {
    event.preventDefault();
    this.#asked = this.#topic.value.trim();
    this.#ask();
  }

  /** Asks again later, while the panel is shown and the box is checked. */
  #schedule() {
    clearTimeout(this.#timer);
    if (!this.hidden && this.#repeat.checked && this.#asked) {
      this.#timer = setTimeout(() => this.#ask(), REPEAT_MS);
    }
  }

  async #ask() {
    const topic = this.#asked;
    clearTimeout(this.#timer);
    try {
      const answer = await this.hub.call('presence', { topic });
      if (topic === this.#asked) this.#show(answer);
    } catch (error) {
      this.#say('bad', `Nobody can be counted: ${error.message}.`);
    }
    this.#schedule();
  }

  #say(kind, text) {
    this.#notice.hidden = !text;
    this.#notice.dataset.kind = kind;
    setText(this.#notice, text);
    if (text) announce(text);
  }

  #show({ topic, count, subs, more = false, complete = true }) {
    const isPattern = /[+#]/.test(topic);
    this.#empty.hidden = true;
    this.#answer.hidden = false;
    this.#say('warn', complete ? '' : 'A node did not answer in time, so there may be more.');
    setText(this.#count, String(count));
    const clients = count === 1 ? 'client' : 'clients';
    setText(this.#meaning, isPattern
      ? `${clients} subscribed to exactly this pattern: ${topic}`
      : `${clients} would receive a message published to ${topic}`);
    fill(this.#who, ...(subs ?? []).map((sub) => make('li', { class: 'badge' }, make('bdi', {}, visibleLine(sub)))));
    setText(this.#whoNote, whoNote(count, subs, more));
    setText(this.#at, `Counted at ${timeOfDay(Date.now())}`);
    if (this.#spoken !== `${count} ${topic}`) announce(`${count} ${this.#meaning.textContent}`);
    this.#spoken = `${count} ${topic}`;
  }
}

function whoNote(count, subs, more) {
  if (!subs) return 'The token does not permit seeing who they are (claim presence).';
  if (more) return 'And others: the list is too long.';
  if (count > 0 && subs.length === 0) return 'No names: only clients whose token has a sub are named.';
  return count > 0 ? 'Each name once, however often it is connected. Clients without a name (sub) are only counted.' : '';
}

definePanel('presence', 'Presence', PresencePanel);
