// Judges what the clients of one run in a world (worlds.mjs) wrote down: a pure function of the history.
//
// A history has `rounds`, one for each fault. Each ends in quiet: all nodes are ready, all clients are
// connected and have the markers, and `log` is the whole log as the master holds it. So a message that
// any client saw or was told of (an answer "ok") either is in the log of its round, or Redis lost it there.
//
//   round 1                             round 2
//   ──┬──── fault ────┬────────┬────────┬───────────────────────>
//     beganAt         healedAt  endedAt: markers received, log read
//
// The rules, by the names that the violations have:
//   identity  an id names one message, a message has one id, its text and topic agree everywhere
//   order     the ids of a view increase; a publish gets an id above all that were answered before it
//             was sent; publishes of one connection are done in the order in which they were sent; a
//             view without history begins after what its node had answered before
//   missing   a view is the log restricted to its filter and time, unless a gap or `recovered: false`
//             is exactly there
//   untold    a message that Redis lost is reported to each subscription with `gaps` that lacks it, and
//             to each that resumes below it
//   lost      Redis keeps what it answered, if the fault is one that keeps it
//   outcome   "not published" is nowhere, "outcome unknown" at most once, a key once
//   marker    a marker, published at the end of a round, reaches every subscription
//   readiness /readyz is 503 while publishes fail for long
// `alarms` are gaps and `recovered: false` although nothing was lost. They are `false`, or `unproven`
// if a publish of unknown outcome is in no log: it may have been done, known to a node, and lost.
// No node may know what was lost until all nodes are back at Redis, and each of them has probed it. A
// resumed subscription without `gaps` is told only once; if it came back earlier, it may not be told. A
// subscription with `gaps` that went away earlier may have passed the new start of the log by then. These
// are counted as `early`.
// `ghosts` are messages that some subscriptions got from a master that had been replaced, and others did
// not; no answer had promised them.

import { matches, rankOf } from './model.mjs';

const TELLING_MS = 1500; // until the next probe
const UNREADY_MS = 4000; // how long publishes may fail before /readyz must have noticed

export function judge(history) {
  return new Judge(history).judge();
}

/** The first attempt that may have been done. */
function effective({ attempts }) {
  return attempts.find(({ outcome }) => outcome !== 'not published') ?? attempts[0];
}

class Judge {
  violations = []; // { rule, what }
  alarms = { false: [], unproven: [] };
  early = 0;
  ghosts = 0;
  #byText = new Map();
  #byId = new Map(); // id to { id, rank, topic, text, publish, logs }

  constructor(history) {
    this.history = history;
    this.rounds = history.rounds;
  }

  #blame(rule, what) {
    this.violations.push({ rule, what });
  }

  judge() {
    const { publishes, views, logs } = this.history;
    for (const publish of publishes) this.#byText.set(publish.text, { ...publish, ids: new Set() });
    this.#learnAll();
    for (const publish of this.#byText.values()) this.#judgeOutcome(publish);
    this.#findLosses();
    this.#judgeOrder();
    for (const view of views) this.#judgeView(view);
    for (const log of logs) this.#judgeLog(log);
    this.#judgeReadiness();
    const lost = this.messages.filter(({ lostIn }) => lostIn < Infinity).length;
    const { violations, alarms, early, ghosts } = this;
    return { violations, alarms, early, ghosts, lost, messages: this.messages.length };
  }

  // Messages and their ids ---------------------------------------------------------------------

  #learn({ id, topic, text }, where) {
    const publish = this.#byText.get(text);
    if (!publish) return this.#blame('identity', `${id} "${text}" was never published (${where})`);
    if (topic !== publish.topic) {
      this.#blame('identity', `${id} "${text}" is of topic ${publish.topic}, not ${topic} (${where})`);
    }
    const known = this.#byId.get(id);
    if (known && known.text !== text) {
      this.#blame('identity', `${id} names "${known.text}" and "${text}" (${where})`);
    }
    if (!known) this.#byId.set(id, { id, rank: rankOf(id), topic, text, publish, logs: new Set() });
    publish.ids.add(id);
    return this.#byId.get(id);
  }

  #learnAll() {
    for (const { text, topic, attempts } of this.#byText.values()) {
      for (const { id } of attempts) if (id) this.#learn({ id, topic, text }, 'an answer');
    }
    for (const view of this.history.views) {
      for (const event of view.events) if (event.id) this.#learn(event, view.name);
    }
    for (const log of this.history.logs) for (const item of log.items) this.#learn(item, 'eventlog');
    for (const [i, { log }] of this.rounds.entries()) {
      const texts = new Map();
      for (const entry of log) {
        this.#learn(entry, 'the log')?.logs.add(i);
        const other = texts.get(entry.text);
        if (other) this.#blame('outcome', `"${entry.text}" is in the log as ${other} and as ${entry.id}`);
        texts.set(entry.text, entry.id);
      }
    }
    this.messages = [...this.#byId.values()].sort((a, b) => (a.rank < b.rank ? -1 : 1));
  }

  /** The round of a time: the first that ends after it. */
  #roundOf(at) {
    const round = this.rounds.findIndex(({ endedAt }) => at <= endedAt);
    return round < 0 ? this.rounds.length - 1 : round;
  }

  /** message.lostIn: the round in which Redis lost it. */
  #findLosses() {
    for (const message of this.messages) {
      const { attempts } = message.publish;
      const acked = attempts.find(({ id }) => id === message.id);
      const since = acked ? acked.answeredAt : attempts[0].sentAt;
      const from = Math.max(this.#roundOf(since), Math.min(...message.logs, Infinity) === Infinity
        ? 0 : Math.min(...message.logs));
      message.lostIn = Infinity;
      for (let i = this.rounds.length - 1; i >= from; i--) {
        if (!message.logs.has(i)) message.lostIn = i;
        else break;
      }
      const round = this.rounds[message.lostIn];
      if (acked && round && (round.keeps || this.history.wait)) {
        this.#blame('lost', `${message.id} "${message.text}" was answered ok and is in no log (${round.fault})`);
      }
    }
    this.losses = this.messages.filter(({ lostIn }) => lostIn < Infinity);
  }

  // Publishes ----------------------------------------------------------------------------------

  #judgeOutcome({ text, key, attempts, ids }) {
    const possible = attempts.filter(({ outcome }) => outcome !== 'not published').length;
    if (ids.size === 0) return;
    const list = [...ids].join(', ');
    if (possible === 0) this.#blame('outcome', `"${text}" was "not published", but is there (${list})`);
    else if (ids.size > possible) this.#blame('outcome', `"${text}" was published twice (${list})`);
    else if (ids.size > 1) this.#judgeKey({ text, key, ids, list });
  }

  /** A key that was lost with the log may be used again: at most the last id is in the log. */
  #judgeKey({ text, key, ids, list }) {
    const kept = [...ids].filter((id) => this.#byId.get(id).logs.has(this.rounds.length - 1));
    if (!key || kept.length > 1) this.#blame('outcome', `"${text}" was published twice (${list})`);
    else if (!this.rounds.some(({ keeps }) => !keeps)) {
      this.#blame('outcome', `"${text}" was published twice with one key (${list})`);
    }
  }

  #judgeOrder() {
    const done = [];
    for (const publish of this.#byText.values()) {
      if (publish.ids.size !== 1) continue;
      const [id] = publish.ids;
      const attempt = effective(publish);
      const acked = publish.attempts.find((one) => one.id);
      const { rank } = this.#byId.get(id);
      done.push({ ...attempt, text: publish.text, id, rank, isOnce: publish.attempts.length === 1,
        ackedAt: acked?.answeredAt ?? Infinity, ackedBy: acked?.node });
    }
    this.#judgeLines(done);
    this.#judgeTime(done);
  }

  #judgeLines(done) {
    const lasts = new Map();
    for (const one of done.filter(({ isOnce }) => isOnce).sort((a, b) => a.sentAt - b.sentAt)) {
      const last = lasts.get(one.line);
      if (last && one.line && one.rank < last.rank) {
        this.#blame('order', `"${one.text}" was sent after "${last.text}" on ${one.line}, ` +
          `but got ${one.id} < ${last.id}`);
      }
      lasts.set(one.line, one);
    }
  }

  /** An id must be above all that were answered before; by the same node, if masters overlapped. */
  #judgeTime(done) {
    const times = done.flatMap((one) => [
      { at: one.sentAt, one, isSent: true }, { at: one.ackedAt, one, isSent: false }]);
    times.sort((a, b) => a.at - b.at);
    const highest = new Map(); // by node; `all`
    const raise = (key, one) => {
      if (!highest.has(key) || highest.get(key).rank < one.rank) highest.set(key, one);
    };
    for (const { at, one, isSent } of times) {
      if (at === Infinity) continue;
      if (!isSent) {
        raise('all', one);
        raise(one.ackedBy, one);
        continue;
      }
      const { interleaves } = this.rounds[this.#roundOf(at)];
      if (interleaves && !one.isOnce) continue;
      const before = highest.get(interleaves ? one.node : 'all');
      if (before && one.rank < before.rank) {
        this.#blame('order', `"${one.text}" was sent after "${before.text}" was answered ${before.id}, ` +
          `but got ${one.id}`);
      }
    }
  }

  // Subscriptions ------------------------------------------------------------------------------

  #judgeView(view) {
    const got = view.events.flatMap((event, index) =>
      (event.id ? [{ ...event, index, rank: rankOf(event.id) }] : []));
    const told = view.events.flatMap((event, index) => (event.gap ? [{ ...event, index }] : []));
    this.#judgeEvents(view, got);
    const scene = { view, got, told, ids: new Set(got.map(({ id }) => id)) };
    const end = this.#endOf(view, got);
    for (const message of this.messages) {
      if (!matches(view.filter, message.topic) || scene.ids.has(message.id)) continue;
      if (message.rank > end || !this.#isExpected(message, scene)) continue;
      this.#judgeMissing(message, scene);
    }
    this.#judgeAlarms(view, told);
  }

  #judgeEvents(view, got) {
    for (const [i, { id, topic, text, rank, at }] of got.entries()) {
      if (i > 0 && rank <= got[i - 1].rank) {
        const what = rank === got[i - 1].rank ? 'twice' : `after ${got[i - 1].id}`;
        this.#blame('order', `${view.name} received ${id} "${text}" ${what}`);
      }
      if (!matches(view.filter, topic)) {
        this.#blame('missing', `${view.name} received ${id} of ${topic}, which ${view.filter} does not match`);
      }
      // The other one of two masters does not know the point: not recovered, and its ids may be lower.
      const isForeign = view.recovered === false && this.rounds[this.#roundOf(at)].interleaves;
      if (view.from && rank <= rankOf(view.from) && !isForeign) {
        this.#blame('order', `${view.name} received ${id}, which is not after ${view.from}`);
      }
      if (!view.from && this.#isOld(id, view)) {
        this.#blame('order', `${view.name} received ${id}, which its node had answered before`);
      }
    }
  }

  /** Whether the node of the view had answered the publish before the view was asked for. */
  #isOld(id, { node, askedAt }) {
    return this.#byId.get(id)?.publish.attempts.some((one) =>
      one.id === id && one.node === node && one.answeredAt < askedAt);
  }

  /** The rank up to which the view must be whole: its last message, or a marker published in its life. */
  #endOf(view, got) {
    let end = got.at(-1)?.rank ?? '';
    if (view.position && rankOf(view.position) > end) end = rankOf(view.position);
    for (const { markers, markedAt, endedAt } of this.rounds) {
      if (view.askedAt > markedAt || (view.endedAt ?? Infinity) < endedAt) continue;
      for (const { id, topic } of markers) {
        if (matches(view.filter, topic) && rankOf(id) > end) end = rankOf(id);
      }
    }
    return end;
  }

  #isExpected({ rank, publish }, { view, got }) {
    const start = view.from ?? view.start;
    if (start) return rank > rankOf(start);
    if (view.confirmedAt === null) return false;
    return publish.attempts[0].sentAt > view.confirmedAt || (got.length > 0 && rank > got[0].rank);
  }

  /** The place of a message: after which event it would have come, and when the next one came. */
  #placeOf({ rank }, { view, got }) {
    const next = got.findIndex((event) => event.rank > rank);
    if (next >= 0) return { after: got[next - 1]?.index ?? -1, before: got[next].index, at: got[next].at };
    const ended = view.endedAt ?? Infinity;
    return { after: got.at(-1)?.index ?? -1, before: Infinity, at: ended };
  }

  #judgeMissing(message, scene) {
    const { view } = scene;
    const place = this.#placeOf(message, scene);
    if (message.publish.isMarker) {
      this.#blame('marker', `"${message.text}" (${message.id}) did not reach ${view.name}`);
    } else if (message.lostIn <= this.#roundOf(place.at)) {
      this.#judgeLost(message, scene, place);
    } else if (!this.#isExcused(message, scene, place)) {
      this.#blame('missing', `${view.name} lacks ${message.id} "${message.text}", which the log has`);
    }
  }

  #isHistory({ publish }, view) {
    return view.from && (view.confirmedAt === null || publish.attempts[0].sentAt < view.confirmedAt);
  }

  static #covers({ gap }, { view }, { topic }) {
    return gap === topic || gap === view.filter;
  }

  /** The log has the message, but the view may have been told exactly there that something is missing. */
  #isExcused(message, scene, place) {
    const { view, told } = scene;
    if (view.recovered === false && this.#isHistory(message, view)) return true;
    const { interleaves } = this.rounds[this.#roundOf(place.at)];
    if (interleaves && !view.gaps) return true;
    const excuse = told.find((gap) => Judge.#covers(gap, scene, message) && gap.index > place.after &&
      (interleaves || gap.index < place.before));
    if (excuse) excuse.isRight = true;
    return excuse !== undefined;
  }

  /** A master that was replaced may still do what it had read: it answers no client, but sends the message. */
  #isGhost({ id, publish, lostIn }) {
    const isGhost = this.rounds[lostIn].interleaves && !publish.attempts.some((one) => one.id === id);
    if (isGhost) this.ghosts++;
    return isGhost;
  }

  #judgeLost(message, scene, place) {
    const { view } = scene;
    if (this.#isGhost(message)) return;
    if (view.recovered === false && this.#isHistory(message, view)) return;
    const { healedAt } = this.rounds[message.lostIn];
    if (view.gaps) {
      if (this.#isTold(message, scene, place.after)) return;
      if (view.endedAt !== null && view.endedAt < healedAt + TELLING_MS) {
        this.early++;
        return;
      }
    } else if (!this.#isHistory(message, view)) {
      return; // it did not ask to be told
    } else if (view.confirmedAt < healedAt) {
      this.early++;
      return;
    }
    const how = view.from ? `resumed after ${view.from}, recovered: ${view.recovered}` : 'live';
    this.#blame('untold', `${view.name} (${how}) lacks ${message.id} "${message.text}", ` +
      `which Redis lost in round ${message.lostIn + 1}, and was not told`);
  }

  /** Whether a gap at or after the place reports it, or the client was told when it came back. */
  #isTold(message, scene, after) {
    const { view, told } = scene;
    const until = this.rounds[message.lostIn].endedAt;
    const isTold = told.some((gap) =>
      Judge.#covers(gap, scene, message) && gap.index > after && gap.at <= until);
    if (isTold) return true;
    const next = this.history.views.find(({ resumes }) => resumes === view.name);
    if (!next || next.askedAt > until) return false;
    if (next.recovered === false) return true;
    const gaps = next.events.flatMap((event, index) => (event.gap ? [{ ...event, index }] : []));
    return this.#isTold(message, { view: next, told: gaps }, -1);
  }

  // Alarms -------------------------------------------------------------------------------------

  #judgeAlarms(view, told) {
    for (const gap of told) {
      const round = this.#roundOf(gap.at);
      if (gap.isRight || this.losses.some(({ lostIn }) => lostIn === round)) continue;
      this.#alarm(`${view.name} was told a gap of ${gap.gap}`, gap.at, round);
    }
    if (view.recovered === false) {
      this.#judgeUnrecovered(view, view.name, view.confirmedAt ?? view.events[0]?.at ?? view.askedAt);
    }
  }

  #judgeUnrecovered({ from }, name, at) {
    const round = this.#roundOf(at);
    const point = this.#byId.get(from)?.publish.attempts[0].sentAt ?? 0;
    // The log begins where the last node was back, and found that something was lost.
    const isReason = ({ lostIn, rank }) => lostIn <= round &&
      (!from || rank >= rankOf(from) || point <= this.rounds[lostIn].healedAt);
    if (this.losses.some(isReason)) return;
    this.#alarm(`${name} resumed after ${from}: recovered is false`, at, round);
  }

  #alarm(what, at, round) {
    const { keeps, interleaves, beganAt, healedAt, fault } = this.rounds[round];
    const isUnproven = !keeps && ((interleaves && at >= beganAt && at <= healedAt) ||
      this.rounds.slice(0, round + 1).some((one) => this.#hasUnknown(one)));
    this.alarms[isUnproven ? 'unproven' : 'false'].push(`${what} (${fault}, round ${round + 1})`);
  }

  /** Whether a publish of unknown outcome in this round is in no log. */
  #hasUnknown({ beganAt, endedAt, keeps }) {
    return !keeps && [...this.#byText.values()].some(({ attempts, ids }) => ids.size === 0 &&
      attempts.some(({ outcome, sentAt }) => outcome === 'unknown' && sentAt <= endedAt && sentAt >= beganAt - 1000));
  }

  // Pages of the log ---------------------------------------------------------------------------

  #judgeLog(log) {
    const name = `eventlog of ${log.filter} after ${log.from} at node ${log.node}`;
    const got = log.items.map((item) => ({ ...item, at: log.answeredAt, rank: rankOf(item.id) }));
    this.#judgeEvents({ ...log, name }, got);
    if (log.recovered === false) this.#judgeUnrecovered(log, name, log.answeredAt);
    const round = this.#roundOf(log.answeredAt);
    const { interleaves, beganAt, healedAt } = this.rounds[round];
    const isStale = interleaves && log.answeredAt >= beganAt && log.askedAt <= healedAt;
    const ids = new Set(got.map(({ id }) => id));
    const [from, end] = [rankOf(log.from), got.at(-1)?.rank ?? ''];
    for (const message of this.messages) {
      const { rank, topic, id, publish } = message;
      if (rank <= from || ids.has(id) || !matches(log.filter, topic)) continue;
      const ackedAt = publish.attempts.find((one) => one.id === id)?.answeredAt ?? Infinity;
      if (rank > end && (log.more || isStale || ackedAt > log.askedAt)) continue;
      if (rank < end && (isStale || publish.attempts[0].sentAt > log.answeredAt)) continue;
      this.#judgeLogLacks(message, { log, name, round, healedAt });
    }
  }

  #judgeLogLacks(message, { log, name, round, healedAt }) {
    const { id, text, lostIn } = message;
    if (lostIn > round) {
      this.#blame('missing', `${name} lacks ${id} "${text}", which the log has`);
    } else if (this.#isGhost(message)) {
      return;
    } else if (log.recovered === true && lostIn === round && log.answeredAt < healedAt) {
      this.early++;
    } else if (log.recovered === true) {
      this.#blame('untold', `${name} is "recovered", but lacks ${id} "${text}", which Redis lost`);
    }
  }

  // Readiness ----------------------------------------------------------------------------------

  /** Publishes that fail one after the other for long, at one node, while it calls itself ready. */
  #judgeReadiness() {
    for (const [node, changes] of (this.history.readiness ?? []).entries()) {
      const attempts = [...this.#byText.values()].flatMap((publish) => publish.attempts)
        .filter((one) => one.node === node && one.answeredAt !== null)
        .sort((a, b) => a.answeredAt - b.answeredAt);
      let since = null;
      for (const { outcome, sentAt, answeredAt } of attempts) {
        if (outcome === 'ok') since = null;
        else since ??= sentAt;
        if (since === null || answeredAt - since < UNREADY_MS) continue;
        if (!changes.some(({ at, status }, i) =>
          status !== 200 && at <= answeredAt && (changes[i + 1]?.at ?? Infinity) >= since)) {
          this.#blame('readiness', `node ${node} was ready while its publishes failed for ` +
            `${Math.round(answeredAt - since)} ms`);
          break;
        }
      }
    }
  }
}
