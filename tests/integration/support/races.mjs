// Races between subscribers and publishers. As soon as a client of the near node is told that it has
// subscribed, another one publishes at the far node: that message must arrive, and every later one.
//
//   client ──── near node ── proxy ──┬── Redis        the proxy passes data on late and in pieces, each
//   publisher ─────────── far node ──┘                connection at its own pace, and cuts the feed
//
// A client that asks for history must also get everything above its point. All this holds for clients that
// subscribe to the same topic or pattern at the same time, in a batch, as an event stream, again after they
// have unsubscribed, or while the feed is away. Everybody writes a history, which judge.mjs judges.

import { setTimeout as delay } from 'node:timers/promises';

import { judge } from './judge.mjs';
import { randomSource } from './random.mjs';
import { openClient, RpcError } from './rpc.mjs';
import { openStream } from './sse.mjs';
import { eventually } from './wait.mjs';
import { History } from './world-history.mjs';

const NEAR = 0;
const FAR = 1;
const LANES = 12; // races at the same time
const RACES_OF_MOOD = 25;
const RACES_OF_FEED = 25; // so that topics and patterns are new to the feed again
const MOODS = [[0, 0], [8, 0], [0, 8], [8, 8], [40, 4], [4, 40]]; // the longest delay of data, for the feed and for links
const PIECES = 3; // of the data that arrive together
const CHATTER = 8; // messages while a client subscribes
const CHATTER_MS = 5;
const STEADY = ['g0/steady/c', 'g1/steady', 's0', 'steady']; // subscribed and published to all the time
const STEADY_MS = 4;

/** Something to subscribe to, with topics that it matches; `n` is new each time. */
const SHAPES = [
  ({ n }) => [`fresh/${n}`, `fresh/${n}`],
  ({ n }) => [`fresh${n}`, `fresh${n}`],
  ({ n, k }) => [`g${k}/${n}/c`, `g${k}/${n}/c`],
  ({ k }) => [`s${k}`, `s${k}`], // for several lanes
  ({ k }) => [`s/${k}`, `s/${k}`],
  ({ n, k }) => [`g${k}/#`, `g${k}`, `g${k}/${n}/c`],
  ({ n }) => [`x${n}/#`, `x${n}`, `x${n}/c`],
  ({ n, k }) => [`g${k}/+/c`, `g${k}/${n}/c`, `g${k}/x/c`],
  ({ n, k }) => [`g${k}/${n}/#`, `g${k}/${n}`, `g${k}/${n}/c`],
];
/** The same, and what needs more globs than a node may have, and at last the wide channel. */
const WIDE_SHAPES = [
  ...SHAPES,
  ({ n }) => [`w${n}/#`, `w${n}`, `w${n}/x`],
  ({ n }) => ['+/w', `w${n}/w`],
  ({ n }) => ['#', `w${n}`],
];
const NARROW = 0.85; // this part of a heat has no wide shapes

/** Cuts data into pieces with a delay each, for Proxy.delay. */
export function lag(random, ms) {
  return (bytes) => {
    const cuts = Array.from({ length: random.below(PIECES) }, () => random.below(bytes.length));
    cuts.sort((a, b) => a - b);
    return [0, ...cuts].map((from, i) => [bytes.subarray(from, cuts[i]), random.below(ms + 1)]);
  };
}

/** A lane: subscribes in one race after the other; its publisher is a client of the far node. */
class Racer {
  #client = null; // at the near node
  #n = 0;

  constructor(races, name, random) {
    Object.assign(this, { races, name, random });
  }

  async open() {
    this.publisher = await openClient(this.races.t, this.races.far);
    this.witness = await openClient(this.races.t, this.races.near);
  }

  draw(shapes) {
    const n = `${this.name}-${this.#n++}`;
    const [filter, ...topics] = this.random.pick(shapes)({ n, k: this.random.below(4) });
    return { filter, topics };
  }

  /** One race for these subscriptions: more than one are made in a batch. */
  async race(wanted) {
    const from = await this.#from(wanted[0].topics);
    const how = { gaps: this.random.below(2) === 0, from };
    const chatter = this.#chatter(wanted.flatMap(({ topics }) => topics));
    const isStream = wanted.length === 1 && this.random.below(4) === 0;
    await (isStream ? this.#stream(wanted[0], how) : this.#subscribe(wanted, how));
    await chatter;
  }

  /** The id after which the history begins; null: none. */
  async #from(topics) {
    const way = this.random.below(6);
    if (way === 0) return this.races.beginId;
    const id = way === 1
      ? await this.races.publish(this.publisher, FAR, this.random.pick(topics))
      : await this.races.publish(this.witness, NEAR, this.random.pick(topics));
    return way <= 2 ? id : null; // null also if the feed is away
  }

  async #chatter(topics) {
    const published = [];
    for (let i = this.random.below(CHATTER); i > 0; i--) {
      published.push(this.races.publish(this.publisher, FAR, this.random.pick(topics)));
      await delay(this.random.below(CHATTER_MS));
    }
    await Promise.all(published);
  }

  /** Publishes at once, to be received in this view. */
  async #answer(view, topics) {
    const published = Array.from({ length: 1 + this.random.below(3) }, () =>
      this.races.publish(this.publisher, FAR, this.random.pick(topics)));
    for (const id of await Promise.all(published)) await this.races.untilHas(view, id);
  }

  async #subscribe(wanted, how) {
    const client = this.#client ??= await openClient(this.races.t, this.races.near);
    if (this.random.below(6) === 0) { // it subscribes again before this is answered
      client.subscribe(wanted[0].filter, {}, { confirmed: false });
      client.notify('unsubscribe', [wanted[0].filter]);
    }
    const isOwn = wanted.length === 1 && this.random.below(4) === 0;
    let own = null;
    const ask = () => wanted.map((one) => this.#ask(client, one, how));
    const asked = wanted.length > 1 ? client.batch(ask) : ask();
    if (isOwn) own = this.races.publish(client, NEAR, wanted[0].topics[0]); // waits for the subscription
    await Promise.all(asked.map(async ({ view, topics, confirmed }) => {
      await confirmed;
      await this.#answer(view, topics);
    }));
    if (isOwn && await own) await this.races.untilHas(asked[0].view, await own);
    for (const { view } of asked) this.races.end(view);
    if (this.random.below(4) === 0) this.#vanish();
    else if (this.random.below(2) === 0) await client.call('unsubscribeAll');
    else await client.call('unsubscribe', wanted.map(({ filter }) => filter));
  }

  #vanish() {
    this.#client.socket.terminate();
    this.#client = null;
  }

  /** Sends the request at once. */
  #ask(client, { filter, topics }, how) {
    const view = this.races.view('ws', filter, how);
    const params = { ...(how.gaps && { gaps: true }), ...(how.from && { sinceEventId: how.from }) };
    const asked = client.subscribe(filter, params, { confirmed: false });
    const confirmed = asked.then(async (subscription) => {
      subscription.deliver = (message) => this.races.deliver(view, message);
      const { recovered = null, lastEventId = null } = await subscription.answer;
      // The answer came before the messages that this client has received already.
      const confirmedAt = view.events[0]?.at ?? this.races.history.now();
      Object.assign(view, { confirmedAt, recovered, start: lastEventId });
    });
    return { view, topics, confirmed };
  }

  async #stream({ filter, topics }, how) {
    const view = this.races.view('sse', filter, how);
    const query = new URLSearchParams({ format: 'json', ...(how.gaps && { gaps: 'true' }) });
    const headers = how.from ? { 'Last-Event-ID': how.from } : {};
    const path = `/${encodeURIComponent(filter)}?${query}`;
    const stream = await openStream(this.races.t, this.races.near, path, headers);
    view.confirmedAt = this.races.history.now();
    let taken = 0;
    stream.changed = () => {
      for (; taken < stream.events.length; taken++) this.#take(view, stream.events[taken]);
      if (view.events.length === 0) view.start ??= stream.lastId;
      view.position = stream.lastId;
    };
    stream.changed();
    await this.#answer(view, topics);
    this.races.end(view);
    stream.leave();
  }

  #take(view, { id, event, data }) {
    const { topic, recovered, message } = JSON.parse(data);
    if (event === 'recovered') view.recovered = recovered;
    else this.races.deliver(view, { action: event, id, topic, message });
  }
}

export class Races {
  #random;
  #count = 0; // races begun
  #texts = 0;
  #lanes = []; // each of two that may race for the same
  #isOver = false;
  #hasFailed = false;

  /** The proxy is between the near node and its Redis. */
  constructor(t, { near, far, proxy, seed }) {
    Object.assign(this, { t, near, far, proxy, seed });
    this.#random = randomSource(seed);
  }

  async open() {
    const racer = (i) => new Racer(this, `${i}`, randomSource(this.seed * 100 + i));
    this.#lanes = Array.from({ length: LANES }, (_, i) => [racer(2 * i), racer(2 * i + 1)]);
    await Promise.all(this.#lanes.flat().map((one) => one.open()));
    this.steady = await openClient(this.t, this.near);
    this.steadyPublisher = await openClient(this.t, this.far);
  }

  /** So many races, judged together; resolves to the verdict of the judge. */
  async heat(count) {
    this.history = new History({ world: 'races', seed: this.seed, readiness: [] });
    this.#isOver = false;
    this.beginId = await this.publish(this.steadyPublisher, FAR, 'begin');
    const end = this.#count + count;
    const steady = this.#beSteady();
    const lanes = this.#lanes.map((lane) => this.#run(lane, end, end - count * (1 - NARROW)));
    lanes.forEach((lane) => lane.catch(() => (this.#hasFailed = true)));
    await Promise.all(lanes).finally(() => (this.#isOver = true));
    await steady;
    return this.#judge();
  }

  async #run([one, other], end, wideFrom) {
    while (this.#count < end && !this.#hasFailed) {
      if (this.#count % RACES_OF_MOOD === 0) this.#changeMood();
      if (this.#count % RACES_OF_FEED === RACES_OF_FEED - 1) this.proxy.drop('feed');
      const shapes = this.#count++ < wideFrom ? SHAPES : WIDE_SHAPES;
      const drawn = Array.from({ length: one.random.below(4) === 0 ? 3 : 1 }, () => one.draw(shapes));
      const wanted = [...new Map(drawn.map((each) => [each.filter, each])).values()];
      const hasTwin = one.random.below(3) === 0;
      await Promise.all((hasTwin ? [one, other] : [one]).map((racer) => racer.race(wanted)));
    }
  }

  #changeMood() {
    const [feed, commands] = this.#random.pick(MOODS);
    this.proxy.delay('feed', lag(this.#random, feed));
    this.proxy.delay('commands', lag(this.#random, commands));
  }

  /** Bystanders: the channels of their topics change, but their messages come. */
  async #beSteady() {
    const all = [];
    for (const filter of STEADY) {
      const view = this.view('ws', filter, { gaps: true, from: null });
      const subscription = await this.steady.subscribe(filter, { gaps: true });
      Object.assign(view, { confirmedAt: this.history.now(), start: subscription.answer.lastEventId });
      subscription.deliver = (message) => this.deliver(view, message);
      for (const message of subscription.messages) this.deliver(view, message);
      all.push(view);
    }
    for (let i = 0; !this.#isOver; i++) {
      await this.publish(this.steadyPublisher, FAR, STEADY[i % STEADY.length]);
      await delay(STEADY_MS);
    }
    for (const view of all) await this.untilHas(view, await this.publish(this.steadyPublisher, FAR, view.filter));
    all.forEach((view) => this.end(view));
    await this.steady.call('unsubscribeAll');
  }

  // The history --------------------------------------------------------------------------------

  view(kind, filter, { gaps, from }) {
    return this.history.addView({ kind, client: 'racer', node: NEAR, filter, gaps, from });
  }

  /** Publishes at once; resolves to the id, or to null if the feed of the near node is away. */
  async publish(client, node, topic) {
    const publish = this.history.addPublish(topic, `m ${this.#texts++}`);
    const attempt = this.history.addAttempt(publish, { node });
    const { result, error } = await client.request('publish', { topic, message: publish.text });
    if (error && node === FAR) throw new RpcError(error);
    const failure = /^not published/.test(error?.data) ? 'not published' : 'unknown';
    this.history.answers(attempt, error ? failure : 'ok', result?.id ?? null);
    return result?.id ?? null;
  }

  deliver(view, { action, id, topic, message: text }) {
    this.record(view, action === 'gap' ? { gap: topic } : { id, topic, text });
  }

  record(view, event) {
    if (view.endedAt === null) view.events.push({ at: this.history.now(), ...event });
  }

  end(view) {
    view.endedAt = this.history.now();
  }

  untilHas(view, id) {
    return eventually(`${id} reaches ${view.name}`, () =>
      this.#hasFailed || view.events.findLast((event) => event.id === id));
  }

  #judge() {
    const { history } = this;
    const log = history.publishes.flatMap(({ topic, text, attempts: [{ id }] }) => (id ? [{ id, topic, text }] : []));
    const endedAt = history.now();
    history.rounds.push({ fault: 'races', keeps: true, interleaves: false, beganAt: 0, healedAt: 0,
      markedAt: endedAt, markers: [], log, endedAt });
    return judge(history);
  }
}
