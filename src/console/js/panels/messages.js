// messages.js - the panel that subscribes, shows messages as they arrive, and publishes.
//
// Messages go into the feed as they come. The list is drawn at most once per frame, however many have
// come, and the counts twice a second.

import { announce } from '../announce.js';
import { AS_TYPED, button, fill, make, setText } from '../dom.js';
import { icon } from '../icons.js';
import { makeFilter } from '../lib/filter.js';
import { MOST_ENTRIES } from '../lib/store.js';
import { exampleOf } from '../lib/topic.js';
import { Feed } from '../messages/feed.js';
import '../messages/detail.js';
import '../messages/publish.js';
import { drawRow, makeRow } from '../messages/row.js';
import '../messages/subscriptions.js';
import { definePanel, Panel, panelHead } from '../panel.js';
import { VirtualList } from '../virtual_list.js';

const FRAME_MS = 8; // of each frame, for filtering
const COUNTS_MS = 500;

/** Says why the list is empty, and what helps. */
const EMPTY = {
  filtered: ['Nothing matches the filter',
    'Change the text or the topic above. Messages that arrive are still counted.'],
  quiet: ['No messages yet',
    'They appear here as soon as somebody publishes. Try it with the form “Publish”.'],
  unsubscribed: ['No subscriptions yet',
    'Subscribe to a topic such as news/today, or to everything with the pattern #.'],
};

class MessagesPanel extends Panel {
  #feed = new Feed();
  #isDrawing = false; // a frame has been asked for
  #counts = 0;

  build() {
    const view = this.#feed.view;
    this.list = new VirtualList(view, {
      label: 'Messages', makeRow, drawRow,
      onChoose: (entry) => this.#open(entry),
      onMove: (entry) => !this.detail.hidden && this.detail.show(entry),
      onScroll: () => this.#showEnd(),
    });
    this.subscriptions = make('message-subscriptions');
    this.subscriptions.start(this.hub, this.#feed, {
      changed: () => this.#changed(),
      chosen: (topic) => this.publish.suggest(exampleOf(topic)),
    });
    this.append(this.#main(), this.#side());
    this.#update();
  }

  shown() {
    this.#counts = setInterval(() => this.#tick(), COUNTS_MS);
    this.#changed();
  }

  gone() {
    clearInterval(this.#counts);
  }

  #main() {
    this.publishToggle =
      button([icon('send'), 'Publish'], () => this.#openPublish(), { class: 'button narrow-only' });
    this.newest =
      button([icon('down'), 'Newest'], () => this.list.follow(), { class: 'button newest', hidden: true });
    this.empty = make('div', { class: 'empty' });
    this.list.element.addEventListener('keydown', ({ key }) => key === 'Escape' && this.#closeDetail());
    return make('div', { class: 'messages-main' },
      panelHead('Messages', this.publishToggle), this.subscriptions, this.#toolbar(),
      make('div', { class: 'message-box card' }, this.#header(), this.list.element, this.empty, this.newest));
  }

  #toolbar() {
    const input = (label) => make('input', {
      class: 'input', type: 'search', placeholder: label, 'aria-label': label, ...AS_TYPED,
      oninput: () => this.#filter(),
    });
    this.filterText = input('Filter by text');
    this.filterTopic = input('Filter by topic');
    this.summary = make('p', { class: 'summary figure soft' });
    this.pause = button([icon('pause'), 'Pause'], () => this.#togglePause());
    const clear = button([icon('clear'), 'Clear'], () => this.#clear());
    return make('div', { class: 'message-toolbar' },
      this.filterText, this.filterTopic, this.pause, clear, this.summary);
  }

  #header() {
    const columns = ['time', 'topic', 'origin', 'id', 'text'];
    const names = { time: 'Time', topic: 'Topic', origin: 'Origin', id: 'Id', text: 'Message' };
    return make('div', { class: 'message message-head', 'aria-hidden': 'true' },
      columns.map((column) => make('span', { class: `message-${column}` }, names[column])));
  }

  #side() {
    this.detail = make('message-detail', { class: 'card sheet', hidden: true });
    this.detail.hub = this.hub;
    this.detail.onClose = () => this.#closeDetail();
    this.detail.onEdit = (entry) => this.#edit(entry);
    this.publish = make('message-publish', { class: 'stack' });
    this.publish.hub = this.hub;
    const close = button(icon('close'), () => this.#closePublish(),
      { class: 'button button-plain button-icon narrow-only', 'aria-label': 'Close the form' });
    const foldText = make('span', {}, 'Hide');
    const fold = button([foldText, make('span', { class: 'unseen' }, ' the form')],
      () => this.#foldPublish(fold, foldText),
      { class: 'button button-plain button-small wide-only', 'aria-expanded': 'true' });
    this.publishCard = make('section', { class: 'card sheet publish-card', 'aria-label': 'Publish' },
      make('div', { class: 'panel-head' }, make('h2', {}, 'Publish'), fold, close), this.publish);
    const side = make('div', { class: 'messages-side' }, this.detail, this.publishCard);
    side.onkeydown = (event) => {
      if (event.key !== 'Escape') return;
      if (this.detail.contains(event.target)) this.#closeDetail();
      else this.#closePublish();
    };
    return side;
  }

  #openPublish() {
    if (this.publish.hidden) this.publishCard.querySelector('[aria-expanded]').click();
    this.publishCard.dataset.open = '';
    this.publishCard.querySelector('input').focus();
  }

  /** Hides the form, to leave the room to the message above it, or shows it again. */
  #foldPublish(fold, text) {
    this.publish.hidden = !this.publish.hidden;
    fold.setAttribute('aria-expanded', String(!this.publish.hidden));
    setText(text, this.publish.hidden ? 'Show' : 'Hide');
  }

  #closePublish() {
    if (this.publishCard.dataset.open === undefined) return;
    delete this.publishCard.dataset.open;
    this.publishToggle.focus();
  }

  #open(entry) {
    this.detail.show(entry);
    this.detail.hidden = false;
    this.detail.scrollTop = 0;
    this.detail.focusHead();
  }

  #closeDetail() {
    if (this.detail.hidden) return;
    this.detail.hidden = true;
    fill(this.detail);
    this.list.element.focus();
  }

  #edit(entry) {
    this.#closeDetail();
    this.#openPublish();
    this.publish.edit(entry);
  }

  #filter() {
    const filter = makeFilter({ text: this.filterText.value, topic: this.filterTopic.value.trim() });
    this.#feed.setFilter(filter);
    this.#update({ isNew: true });
  }

  #togglePause() {
    const { view } = this.#feed;
    if (view.isPaused) view.resume();
    else view.pause();
    this.#showPause();
    announce(view.isPaused ? 'Paused' : 'Continued');
    this.#update();
  }

  #showPause() {
    const { isPaused } = this.#feed.view;
    this.pause.toggleAttribute('data-on', isPaused);
    fill(this.pause, icon(isPaused ? 'play' : 'pause'), isPaused ? 'Continue' : 'Pause');
  }

  #clear() {
    this.#feed.clear();
    this.list.activate(null);
    this.#showPause();
    this.#update({ isNew: true });
  }

  /** Asks for one drawing in the next frame. */
  #changed() {
    if (this.#isDrawing || this.hidden) return;
    this.#isDrawing = true;
    requestAnimationFrame(() => {
      this.#isDrawing = false;
      this.#update();
    });
  }

  #update(how) {
    const end = performance.now() + FRAME_MS;
    const isDone = this.#feed.view.advance(() => performance.now() > end);
    this.list.update(how);
    this.#showEmpty();
    if (how || !this.#feed.received) this.#showCounts();
    if (!isDone) this.#changed();
  }

  /** Brings everything up to date together, so that the counts are never ahead of the list. */
  #tick() {
    this.#feed.tick();
    this.#update();
    this.#showCounts();
  }

  #showCounts() {
    const feed = this.#feed;
    const parts = [`${count(feed.received)} received`, `${count(feed.perSecond)} a second`];
    if (feed.stride > 1) parts.push(`too fast to read: the list shows about 1 in ${feed.stride}`);
    if (this.filterText.value || this.filterTopic.value) parts.push(`${count(feed.view.length)} match the filter`);
    if (feed.view.isPaused) parts.push(`${count(feed.view.waiting)} since the pause`);
    if (feed.store.length === MOST_ENTRIES) parts.push(`the newest ${count(MOST_ENTRIES)} are kept`);
    setText(this.summary, parts.join(' · '));
    this.summary.toggleAttribute('data-sampled', feed.stride > 1);
    this.subscriptions.showCounts();
    this.#showEnd();
  }

  #showEnd() {
    this.newest.hidden = this.list.isFollowing || this.#feed.view.length === 0;
  }

  #showEmpty() {
    const isEmpty = this.#feed.view.length === 0;
    this.empty.hidden = !isEmpty;
    this.list.element.hidden = isEmpty;
    if (!isEmpty) return;
    const [title, text] = this.#whyEmpty();
    if (this.empty.firstChild?.textContent === title) return;
    fill(this.empty, make('h2', {}, title), make('p', {}, text));
  }

  #whyEmpty() {
    if (this.#feed.store.length > 0) return EMPTY.filtered;
    return this.subscriptions.size > 0 ? EMPTY.quiet : EMPTY.unsubscribed;
  }
}

function count(n) {
  return n.toLocaleString('en');
}

definePanel('messages', 'Messages', MessagesPanel);
