// virtual_list.js - a list of any length that has elements only for the rows in sight.
//
// The rows have one height, which the style sheet gives as --row (in rem, after media queries), so the
// place of each row is a multiplication. Row i uses element i modulo their number: scrolling by one row
// changes one element. The list stays at its end while new rows arrive, unless the user has scrolled
// up; then it keeps the rows in sight where they are, also when rows are dropped from the front.
//
// It is a listbox. The focus stays on the list and aria-activedescendant names the active row, because
// the element of that row may come and go.

import { make } from './dom.js';

const SPARE = 4; // rows above and below those in sight

let lists = 0;

export class VirtualList {
  isFollowing = true;
  #view;
  #makeRow;
  #drawRow;
  #onChoose;
  #onMove;
  #onScroll;
  #rows = [];
  #drawn = []; // the sequence number that each row shows
  #placed = []; // the index at which each row stands
  #rowHeight = 0;
  #top = 0;
  #dropped = 0;
  #active = null; // sequence number
  #id = `list-${lists++}`;

  /**
   * `view` has length, dropped, at(i), sequence(i) and indexOf(sequence). makeRow() makes an empty
   * element, which drawRow(element, entry) fills. onChoose(entry) is called for a click or Enter,
   * onMove(entry) when a key makes another row the active one, onScroll() when the list may have
   * left its end or reached it.
   */
  constructor(view, { label, makeRow, drawRow, onChoose, onMove, onScroll }) {
    this.#view = view;
    this.#makeRow = makeRow;
    this.#drawRow = drawRow;
    this.#onChoose = onChoose;
    this.#onMove = onMove;
    this.#onScroll = onScroll;
    this.space = make('div', { class: 'list-space', role: 'presentation' });
    this.element = make('div', { class: 'list', role: 'listbox', tabindex: 0, 'aria-label': label }, this.space);
    this.element.onscroll = () => this.#scrolled();
    this.element.onkeydown = (event) => this.#key(event);
    this.element.onclick = (event) => this.#click(event);
    new ResizeObserver(() => this.#resized()).observe(this.element);
  }

  /** Shows the view as it is now. isNew: it has another filter, so nothing keeps its place. */
  update({ isNew = false } = {}) {
    if (isNew) {
      this.isFollowing = true;
      this.#dropped = this.#view.dropped;
    }
    const gone = this.#view.dropped - this.#dropped;
    this.#dropped = this.#view.dropped;
    this.space.style.height = `${this.#view.length * this.#rowHeight}px`;
    this.element.toggleAttribute('data-scrolls', this.#view.length * this.#rowHeight > this.#height());
    if (this.isFollowing) this.#scrollTo(Infinity);
    else if (gone > 0) this.#scrollTo(this.element.scrollTop - gone * this.#rowHeight);
    this.#draw();
  }

  /** Goes to the end, and stays there. */
  follow() {
    this.isFollowing = true;
    this.update();
    this.#onScroll();
  }

  /** Marks the entry as the active one; null: none is. */
  activate(sequence) {
    this.#active = sequence;
    this.#drawn.fill(-1);
    this.#draw();
  }

  #height() {
    return this.element.clientHeight;
  }

  #scrollTo(top) {
    const most = Math.max(0, this.#view.length * this.#rowHeight - this.#height());
    this.#top = Math.max(0, Math.min(most, top));
    this.element.scrollTop = this.#top;
  }

  #scrolled() {
    if (Math.abs(this.element.scrollTop - this.#top) < 1) return; // it was #scrollTo
    this.#top = this.element.scrollTop;
    const rest = this.#view.length * this.#rowHeight - this.#height() - this.#top;
    this.isFollowing = rest < this.#rowHeight;
    this.#draw();
    this.#onScroll();
  }

  /** In px. Whole ones, because browsers round the place to which a list scrolls. */
  #measureRow() {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    return Math.round(parseFloat(getComputedStyle(this.element).getPropertyValue('--row')) * rem);
  }

  #resized() {
    const before = this.#rowHeight;
    const first = this.#top / before;
    this.#rowHeight = this.#measureRow();
    const count = Math.ceil(this.#height() / this.#rowHeight) + 2 * SPARE;
    while (this.#rows.length < count) {
      const row = this.#makeRow();
      row.id = `${this.#id}-${this.#rows.length}`;
      row.setAttribute('role', 'option');
      this.space.append(row);
      this.#rows.push(row);
    }
    for (const row of this.#rows.splice(count)) row.remove();
    this.#drawn = new Array(count).fill(-1);
    this.#placed = new Array(count).fill(-1);
    this.update();
    if (before && before !== this.#rowHeight && !this.isFollowing) this.#scrollTo(first * this.#rowHeight);
    this.#draw();
  }

  #draw() {
    const count = this.#rows.length;
    const from = Math.max(0, Math.floor(this.#top / this.#rowHeight) - SPARE);
    let active = null;
    for (let index = from; index < from + count; index++) {
      const slot = index % count;
      const row = this.#rows[slot];
      const sequence = index < this.#view.length ? this.#view.sequence(index) : -1;
      if (this.#placed[slot] !== index) {
        this.#placed[slot] = index;
        row.style.transform = `translateY(${index * this.#rowHeight}px)`;
      }
      if (sequence === this.#active && sequence >= 0) active = row;
      if (this.#drawn[slot] === sequence && row.hidden === (sequence < 0)) continue;
      this.#drawn[slot] = sequence;
      row.hidden = sequence < 0;
      if (sequence >= 0) this.#show(row, index, sequence);
    }
    if (active) this.element.setAttribute('aria-activedescendant', active.id);
    else this.element.removeAttribute('aria-activedescendant');
  }

  #show(row, index, sequence) {
    row.dataset.sequence = sequence;
    row.setAttribute('aria-selected', sequence === this.#active);
    row.setAttribute('aria-posinset', index + 1);
    row.setAttribute('aria-setsize', this.#view.length);
    this.#drawRow(row, this.#view.at(index));
  }

  #click({ target }) {
    const row = target.closest('[role=option]');
    if (row) this.#choose(Number(row.dataset.sequence));
  }

  #choose(sequence) {
    this.activate(sequence);
    const entry = this.#view.at(this.#view.indexOf(sequence));
    if (entry) this.#onChoose(entry, sequence);
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.#height() / this.#rowHeight) - 1);
    const last = this.#view.length - 1;
    const at = this.#active === null ? last + 1 : this.#view.indexOf(this.#active);
    const target = {
      ArrowUp: at - 1, ArrowDown: at + 1, PageUp: at - page, PageDown: at + page, Home: 0, End: last,
    }[event.key];
    if (event.key === 'Enter' && this.#active !== null) this.#choose(this.#active);
    else if (target === undefined || last < 0) return;
    else this.#moveTo(Math.max(0, Math.min(last, target)));
    event.preventDefault();
  }

  /** Makes the row at this index the active one and brings it into sight. */
  #moveTo(index) {
    const top = index * this.#rowHeight;
    if (top < this.#top) this.#scrollTo(top);
    else if (top + this.#rowHeight > this.#top + this.#height()) {
      this.#scrollTo(top + this.#rowHeight - this.#height());
    }
    this.isFollowing = index === this.#view.length - 1;
    this.activate(this.#view.sequence(index));
    this.#onMove(this.#view.at(index));
    this.#onScroll();
  }
}
