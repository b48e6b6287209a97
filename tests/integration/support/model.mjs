// A reference for what subscribers and readers of the log must have received. It knows all publishes,
// but no server. The test reports requests and results in the order in which they happen. The model
// judges them in the end, when it knows every id that any client received.

import assert from 'node:assert/strict';

const FLEETING_MS = 1000;

/** An id as text that sorts as ids do. */
export function rankOf(id) {
  const [ms, seq] = id.split('-');
  return `${ms.padStart(16, '0')}-${seq.padStart(20, '0')}`;
}

function msOf(id) {
  return Number(id.split('-')[0]);
}

export function matches(filter, topic) {
  const [levels, names] = [filter.split('/'), topic.split('/')];
  const stop = levels.indexOf('#');
  const known = stop < 0 ? levels : levels.slice(0, stop);
  const isLong = stop < 0 ? names.length === known.length : names.length >= known.length;
  return isLong && known.every((level, i) => level === '+' || level === names[i]);
}

/**
 * What one subscription or one eventlog received. `from`: { after: id } or { since: ms }, none without
 * history. `isLog`: an eventlog. Messages are { id, topic, message }.
 */
export class View {
  sentAt = 0;
  confirmedAt = Infinity; // when the answer came
  recovered = undefined; // as in the answer
  messages = [];
  upTo = null; // the id of the last marker received; null: the view ends with its last message

  constructor(filter, { from, limit, isLog = false } = {}) {
    Object.assign(this, { filter, from, limit, isLog });
  }

  get lastId() {
    return this.messages.at(-1)?.id;
  }

  toString() {
    const { messages, ...question } = this;
    const lines = messages.map(({ id, topic, message }) => `  ${id} ${topic} ${message}`);
    return [JSON.stringify(question), ...lines].join('\n');
  }
}

export class Model {
  #now = 0;
  #highest = ''; // rank of the ids answered
  #publishes = new Map(); // by text, which is unique
  #byId = new Map();
  #views = [];
  #lostMs = 0; // messages published until then may be missing from the log
  isDisturbed = false; // live messages may come late, after their ttl

  constructor({ maxLength = Infinity } = {}) {
    this.maxLength = maxLength;
  }

  tick() {
    return ++this.#now;
  }

  /** Records that a publish is sent; a repeat with the same key is the same publish. */
  sends(topic, text, { ttl, timestamp } = {}) {
    const known = this.#publishes.get(text);
    const publish = known ?? {
      topic, text, ttl, timestamp, tries: 0, above: this.#highest, sentAt: this.tick(),
      answeredAt: Infinity, id: null,
    };
    publish.tries++;
    this.#publishes.set(text, publish);
    return publish;
  }

  /** Records its answer: an id, null (certainly not published) or undefined (unknown). */
  answers(publish, id) {
    if (id === undefined) return;
    if (id === null) {
      publish.tries--;
      return;
    }
    publish.answeredAt = Math.min(publish.answeredAt, this.tick());
    this.#identify(publish, id);
    if (publish.rank > this.#highest) this.#highest = publish.rank;
  }

  asks(view) {
    Object.assign(view, { sentAt: this.tick(), sentMs: Date.now() });
    this.#views.push(view);
    return view;
  }

  confirms(view, recovered) {
    Object.assign(view, { confirmedAt: this.tick(), recovered });
  }

  /** Records that the log was lost. */
  loses() {
    this.#lostMs = Date.now();
  }

  get publishes() {
    return this.#publishes.size;
  }

  #identify(publish, id) {
    assert.equal(publish.id ?? id, id, `${publish.text} was published twice`);
    const other = this.#byId.get(id) ?? publish;
    assert.equal(other, publish, `${id} is of ${other.text} and of ${publish.text}`);
    this.#byId.set(id, Object.assign(publish, { id, rank: rankOf(id) }));
  }

  #learn({ id, topic, message }) {
    const publish = this.#publishes.get(message);
    assert.ok(publish, `${id} ${message} was never published`);
    assert.ok(publish.tries > 0, `${message}: the publish was answered "not published"`);
    assert.equal(topic, publish.topic, message);
    this.#identify(publish, id);
  }

  /** Asserts that everything that clients received is correct. */
  check() {
    for (const { messages } of this.#views) messages.forEach((message) => this.#learn(message));
    const truth = [...this.#byId.values()].sort((a, b) => (a.rank < b.rank ? -1 : 1));
    for (const { rank, above, text } of truth) assert.ok(rank > above, `${text}: its id is too low`);
    for (const view of this.#views) {
      const wanted = truth.filter(({ topic }) => matches(view.filter, topic));
      new Judgement(this, view, wanted).pass();
    }
  }

  /** Whether the log may lack some of these publishes after a point. */
  mayBeTrimmed(wanted, pointMs) {
    if (pointMs <= this.#lostMs) return true;
    const counts = new Map();
    for (const { topic, id } of wanted) {
      if (msOf(id) >= pointMs) counts.set(topic, (counts.get(topic) ?? 0) + 1);
    }
    return Math.max(0, ...counts.values()) > this.maxLength;
  }
}

/** Judges one view by all publishes that match its filter, in the order of their ids. */
class Judgement {
  constructor(model, view, wanted) {
    Object.assign(this, { model, view, wanted });
    this.got = new Set(view.messages.map(({ id }) => id));
    this.first = new Map(); // topic to the rank of its first message
    for (const { topic, id } of view.messages) {
      if (!this.first.has(topic)) this.first.set(topic, rankOf(id));
    }
    this.lowest = view.messages.length ? rankOf(view.messages[0].id) : '~';
    this.highest = view.messages.length ? rankOf(view.lastId) : '';
    this.end = view.upTo ? rankOf(view.upTo) : this.highest;
  }

  #must(condition, what, publish) {
    if (!condition) assert.fail(`${publish ? JSON.stringify(publish) : ''} ${what}\n${this.view}`);
  }

  pass() {
    const { view, wanted } = this;
    const ranks = view.messages.map(({ id }) => rankOf(id));
    this.#must(ranks.every((rank, i) => i === 0 || ranks[i - 1] < rank), 'ids increase');
    const known = new Set(wanted.map(({ id }) => id));
    for (const { id } of view.messages) this.#must(known.has(id), `${id} does not match`);
    this.isWhole = view.recovered === true || !this.#mayBeIncomplete();
    this.#must(view.recovered !== false || !this.isWhole, 'recovered is false for no reason');
    for (const publish of wanted) {
      const isGot = this.got.has(publish.id);
      const isRight = isGot ? this.#mayHave(publish) : this.#mayLack(publish);
      this.#must(isRight, isGot ? 'does not belong here' : 'is missing', publish);
    }
    const limit = view.from && view.limit;
    this.#must(!limit || this.#ofHistory().length <= limit, 'more than the limit');
  }

  /** The messages that certainly came from the log. */
  #ofHistory() {
    const { view, wanted } = this;
    return wanted.filter(({ id, answeredAt }) =>
      this.got.has(id) && (view.isLog || answeredAt < view.sentAt));
  }

  #isBefore(publish) {
    const { from } = this.view;
    if (from.after) return publish.rank <= rankOf(from.after);
    return (publish.timestamp ?? msOf(publish.id)) < from.since;
  }

  #mayBeIncomplete() {
    const { from, limit, isLog, upTo, messages } = this.view;
    if (!from || (!upTo && messages.length === 0)) return true; // it ended before it began
    const after = this.wanted.filter((publish) => !this.#isBefore(publish)).length;
    const pointMs = from.after ? msOf(from.after) : from.since;
    return (limit && !isLog && after > limit) || this.model.mayBeTrimmed(this.wanted, pointMs);
  }

  #mayHave(publish) {
    const { from, isLog, sentMs, sentAt } = this.view;
    if (!from) return true;
    if (isLog && publish.ttl === 1 && sentMs > msOf(publish.id) + FLEETING_MS) return false;
    if (!this.#isBefore(publish)) return true;
    return Boolean(from.since) && !isLog && publish.answeredAt > sentAt; // a live message
  }

  #mayLack(publish) {
    const { view } = this;
    const { from, isLog } = view;
    if (publish.ttl === 1 && (from || this.model.isDisturbed)) return true;
    if (isLog) return this.#logMayLack(publish);
    if (publish.rank > this.end) return true;
    if (publish.sentAt > view.confirmedAt) return false; // a live message
    if (!from) return publish.rank < this.lowest;
    if (this.#isBefore(publish)) return true;
    return !this.isWhole && publish.rank < (this.first.get(publish.topic) ?? '~');
  }

  #logMayLack(publish) {
    const { view } = this;
    if (this.#isBefore(publish) || publish.answeredAt > view.sentAt) return true;
    const isFull = view.messages.length === view.limit;
    if (isFull && view.from.after && publish.rank > this.highest) return true;
    if (isFull && view.from.since && publish.rank < this.lowest) return true;
    return !this.isWhole && publish.rank < (this.first.get(publish.topic) ?? '~');
  }
}
