// The judge of the worlds must notice every fault that a server could have: correct histories pass, and
// each rule refuses a history that violates it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judge } from './support/judge.mjs';

const idOf = (n) => `${1_700_000_000_000 + Math.floor(n)}-${Math.round((n % 1) * 10)}`;

/**
 * A history of one round, from time 0 to 1000. The fault begins at 400 and is over at 650. Message n of
 * topic a has the text `m n` and is published at time n * 100, for n from 1 to 8; the marker comes last.
 */
class Scene {
  constructor(round = {}) {
    this.publishes = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => this.publish(n));
    this.publishes.push({ ...this.publish(9), text: 'marker', isMarker: true });
    const log = this.publishes.map(({ text, topic, attempts: [{ id }] }) => ({ id, topic, text }));
    this.round = { fault: 'a fault', keeps: true, interleaves: false, beganAt: 400, healedAt: 650,
      markedAt: 890, endedAt: 1000, markers: [{ id: idOf(9), topic: 'a', text: 'marker' }], log, ...round };
    this.views = [];
    this.logs = [];
    this.readiness = [];
  }

  publish(n, more = {}) {
    const attempt = { node: 0, line: 'p#0', sentAt: n * 100, answeredAt: n * 100 + 10, outcome: 'ok', id: idOf(n) };
    return { text: `m ${n}`, topic: 'a', key: null, attempts: [{ ...attempt, ...more }] };
  }

  /** Numbers are messages (9: the marker), 'gap' is one; each comes 20 ms after it was sent. */
  events(...list) {
    let at = 0;
    return list.map((n) => {
      at = n === 'gap' ? at + 1 : Math.max(at + 1, n * 100 + 20);
      return n === 'gap' ? { at, gap: 'a' } : { at, id: idOf(n), topic: 'a', text: n === 9 ? 'marker' : `m ${n}` };
    });
  }

  /** A subscription with `gaps` to topic a, from the beginning, unless `how` says otherwise. */
  see(list, how = {}) {
    const view = { name: `v${this.views.length}`, kind: 'ws', node: 0, filter: 'a', gaps: true, from: null,
      resumes: null, askedAt: 1, confirmedAt: 2, recovered: null, start: idOf(0), position: null,
      events: this.events(...list), endedAt: null, ...how };
    this.views.push(view);
    return view;
  }

  /** A subscription that was away, and came back at time 700 after message n. */
  resume(n, list, how = {}) {
    return this.see(list, { from: idOf(n), start: null, askedAt: 700, confirmedAt: 701, recovered: true, ...how });
  }

  read(from, list, how = {}) {
    const items = this.events(...list).map(({ id, topic, text }) => ({ id, topic, text }));
    this.logs.push({ node: 0, filter: 'a', from: idOf(from), askedAt: 950, answeredAt: 960, recovered: true,
      more: false, items, ...how });
  }

  /** Says that Redis lost these messages. */
  lose(...numbers) {
    this.round.log = this.round.log.filter(({ id }) => !numbers.map(idOf).includes(id));
    this.round.keeps = false;
  }

  judge() {
    return judge({ publishes: this.publishes, views: this.views, logs: this.logs, rounds: [this.round],
      readiness: this.readiness, wait: 0 });
  }
}

const ALL = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const REST = [6, 7, 8, 9]; // after 4 and 5 were lost

const RIGHT = {
  'a whole history': (scene) => {
    scene.see(ALL);
    scene.resume(2, [3, 4, 5, 6, 7, 8, 9]);
    scene.read(2, [3, 4, 5, 6, 7, 8, 9]);
  },
  'a connection that ended early': (scene) => scene.see([1, 2, 3], { endedAt: 350 }),
  'live messages after the confirmation': (scene) => scene.see([4, 5, ...REST], { start: null, confirmedAt: 330 }),
  'a lost tail that is told in its place': (scene) => {
    scene.lose(4, 5);
    scene.see([1, 2, 3, 'gap', ...REST]);
    scene.see([1, 2, 3, 4, 'gap', ...REST]);
    scene.see([1, 2, 3, ...REST], { gaps: false });
    scene.resume(2, [3, ...REST], { recovered: false, gaps: false });
    scene.read(2, [3, ...REST], { recovered: false });
  },
  'a lost tail that is told when another node knew it': (scene) => {
    scene.lose(4, 5);
    scene.see([1, 2, 3, 6, 7, 'gap', 8, 9]);
  },
  'a lost tail that is told when the client comes back': (scene) => {
    scene.lose(4, 5);
    const { name } = scene.see([1, 2, 3, 6], { endedAt: 650 });
    scene.resume(6, [7, 8, 9], { recovered: false, resumes: name });
  },
  'ids of two masters, if they overlapped': (scene) => {
    Object.assign(scene.round, { keeps: false, interleaves: true });
    scene.see([1, 2, 3, 5, 6, 'gap', 7, 8, 9]);
  },
  'messages before the point, if it is of the other master and not recovered': (scene) => {
    scene.lose(8);
    scene.round.interleaves = true;
    const { name } = scene.see([1, 2, 3, 4, 5, 6, 7, 8], { endedAt: 850 });
    scene.resume(8, [7, 9], { recovered: false, resumes: name });
  },
  'a publish that another node repeated at the other master': (scene) => {
    scene.round.interleaves = true;
    const [first] = scene.publishes[3].attempts;
    scene.publishes[3].attempts = [{ ...first, sentAt: 380, answeredAt: 385, outcome: 'unknown', id: null },
      { ...first, node: 1 }];
    scene.publishes[4].attempts[0].id = scene.round.log[4].id = idOf(3.5);
    scene.round.log.sort((a, b) => (a.id < b.id ? -1 : 1));
  },
  'what a master did that had been replaced, if no answer promised it': (scene) => {
    scene.lose(4);
    scene.round.interleaves = true;
    Object.assign(scene.publishes[3].attempts[0], { outcome: 'unknown', id: null });
    scene.see(ALL);
    scene.see([1, 2, 3, 5, ...REST]);
  },
  'a publish that was refused, and one of unknown outcome': (scene) => {
    scene.publishes.push(scene.publish(9.5, { outcome: 'not published', id: null }));
    scene.publishes.push(scene.publish(9.6, { outcome: 'unknown', id: null }));
    scene.see(ALL);
  },
  'a key that is used again after its message was lost': (scene) => {
    scene.lose(5);
    const again = { ...scene.publish(8.5).attempts[0], node: 1 };
    Object.assign(scene.publishes[4], { key: 'm 5' });
    Object.assign(scene.publishes[4].attempts[0], { outcome: 'unknown', id: null });
    scene.publishes[4].attempts.push(again);
    scene.round.log.push({ id: idOf(8.5), topic: 'a', text: 'm 5' });
    const view = scene.see([1, 2, 3, 4, 5, 'gap', 6, 7, 8, 9]);
    view.events.splice(-1, 0, { at: 871, id: idOf(8.5), topic: 'a', text: 'm 5' });
  },
};

/** Histories that violate a rule, by name: [rule, words of the complaint, history]. */
const WRONG = {
  'an id that names two messages': ['identity', /names "m 3" and "m 4"/, (scene) => {
    scene.see(ALL).events[2].text = 'm 4';
  }],
  'another topic than was published to': ['identity', /is of topic a, not b/, (scene) => {
    scene.see(ALL).events[2].topic = 'b';
  }],
  'a message that nobody published': ['identity', /was never published/, (scene) => {
    scene.see(ALL).events[2].text = 'forged';
  }],
  'a message twice': ['order', /received .* twice/, (scene) => scene.see([1, 2, 3, 3, 4, 5, ...REST])],
  'messages out of order': ['order', /received .* after/, (scene) => scene.see([1, 2, 4, 3, 5, ...REST])],
  'a message before the point': ['order', /is not after/, (scene) => scene.resume(3, [3, 4, 5, ...REST])],
  'a message before a view without history': ['order', /had answered before/, (scene) => {
    scene.see([3, 4, 5, ...REST], { start: null, askedAt: 315, confirmedAt: 330 });
  }],
  'publishes of one connection out of order': ['order', /was sent after "m 4" on p#0/, (scene) => {
    scene.publishes[3].attempts[0].answeredAt = 520; // both were under way
    scene.publishes[4].attempts[0].id = idOf(3.5);
    scene.round.log[4].id = idOf(3.5);
  }],
  'an id below one that was answered before': ['order', /was answered .*, but got/, (scene) => {
    Object.assign(scene.publishes[4].attempts[0], { id: idOf(3.5), line: null, node: 1 });
    scene.round.log[4].id = idOf(3.5);
  }],
  'an id below one that the same node answered before, though masters overlapped': ['order',
    /was answered \S+-\S+, but got/, (scene) => {
      Object.assign(scene.round, { keeps: false, interleaves: true });
      Object.assign(scene.publishes[4].attempts[0], { id: idOf(3.5), line: null });
      scene.round.log[4].id = idOf(3.5);
    }],
  'a hole': ['missing', /v0 .*lacks .* "m 4", which the log has/, (scene) => scene.see([1, 2, 3, 5, ...REST])],
  'a gap in another place': ['missing', /lacks .* "m 4"/, (scene) => {
    scene.lose(6);
    scene.see([1, 2, 3, 5, 'gap', 7, 8, 9]);
  }],
  'a gap of another topic': ['missing', /lacks .* "m 4"/, (scene) => {
    scene.see([1, 2, 3, 'gap', 5, ...REST], { filter: '#' }).events[3].gap = 'b';
  }],
  'a hole without gaps': ['missing', /lacks .* "m 4"/, (scene) => scene.see([1, 2, 3, 5, ...REST], { gaps: false })],
  'a hole after the point': ['missing', /lacks .* "m 3"/, (scene) => scene.resume(2, [4, 5, ...REST])],
  'a hole after the position of a stream': ['missing', /lacks .* "m 4"/, (scene) => {
    scene.see([1, 2, 3], { endedAt: 650, position: idOf(5) });
  }],
  'a live message that is lost before any came': ['missing', /lacks .* "m 4"/, (scene) => {
    scene.see([5, ...REST], { start: null, confirmedAt: 330 });
  }],
  'a message that the filter does not match': ['missing', /which b does not match/, (scene) => {
    scene.see([1], { filter: 'b', endedAt: 150 });
  }],
  'a page of the log with a hole': ['missing', /eventlog .* lacks .* "m 4"/, (scene) => scene.read(2, [3, 5, ...REST])],
  'an empty page of a master that has started again': ['missing', /eventlog .* lacks .* "m 3"/, (scene) => {
    scene.lose(4);
    scene.read(2, [], { recovered: false, askedAt: 500, answeredAt: 510 });
  }],
  'a page of the log that ends early': ['missing', /eventlog .* lacks .* "m 8"/, (scene) => scene.read(2, [3, 4, 5, 6, 7])],
  'a lost message that is not told': ['untold', /v0 \(live\) lacks .* "m 4"/, (scene) => {
    scene.lose(4, 5);
    scene.see([1, 2, 3, ...REST]);
  }],
  'a lost message that is told too early': ['untold', /lacks .* "m 4"/, (scene) => {
    scene.lose(4, 5);
    scene.see([1, 2, 'gap', 3, ...REST]);
  }],
  'a lost message that only others were told of': ['untold', /v1 \(live\) lacks/, (scene) => {
    scene.lose(4, 5);
    scene.see([1, 2, 3, 'gap', ...REST]);
    scene.see([1, 2, 3, ...REST]);
  }],
  'a lost message below the point of one who resumes': ['untold', /recovered: true\) lacks/, (scene) => {
    scene.lose(4, 5);
    scene.resume(2, [3, ...REST], { gaps: false });
  }],
  'a page that is recovered without a lost message': ['untold', /is "recovered", but lacks/, (scene) => {
    scene.lose(4, 5);
    scene.read(2, [3, ...REST]);
  }],
  'a lost message that Redis should have kept': ['lost', /answered ok and is in no log/, (scene) => {
    scene.lose(4);
    scene.round.keeps = true;
    scene.see([1, 2, 3, 'gap', 5, ...REST]);
  }],
  'a publish that was "not published"': ['outcome', /was "not published", but is there/, (scene) => {
    Object.assign(scene.publishes[3].attempts[0], { outcome: 'not published', id: null });
    scene.see(ALL);
  }],
  'a publish of unknown outcome that is done twice': ['outcome', /published twice/, (scene) => {
    Object.assign(scene.publishes[3].attempts[0], { outcome: 'unknown', id: null });
    scene.see(ALL).events[4].text = 'm 4';
  }],
  'a key that is in the log twice': ['outcome', /is in the log as/, (scene) => {
    const [attempt] = scene.publish(8.5).attempts;
    scene.publishes[3].attempts.push(attempt);
    scene.round.log.push({ id: attempt.id, topic: 'a', text: 'm 4' });
  }],
  'a key that is done twice though nothing was lost': ['outcome', /twice with one key/, (scene) => {
    const [attempt] = scene.publish(8.5).attempts;
    Object.assign(scene.publishes[3], { key: 'm 4' });
    scene.publishes[3].attempts.push(attempt);
  }],
  'a marker that does not arrive': ['marker', /"marker" .* did not reach v0/, (scene) => scene.see([1, 2, 3, 4, 5, 6, 7, 8])],
  'a node that calls itself ready while publishes fail': ['readiness', /node 0 was ready/, (scene) => {
    const fail = (sentAt) => scene.publish(9, { sentAt, answeredAt: sentAt + 900, outcome: 'not published', id: null });
    for (const at of [2000, 4000, 6000]) scene.publishes.push({ ...fail(at), text: `failed ${at}` });
    scene.readiness = [[{ at: 0, status: 200 }]];
  }],
};

/** Gaps and `recovered: false` for no reason. */
const ALARMS = {
  'a gap': ['false', (scene) => scene.see([1, 2, 3, 'gap', 4, 5, ...REST])],
  '"recovered: false"': ['false', (scene) => scene.resume(2, [3, 4, 5, ...REST], { recovered: false })],
  'a page that is not recovered': ['false', (scene) => scene.read(2, [3, 4, 5, ...REST], { recovered: false })],
  'a point above everything that was lost': ['false', (scene) => {
    scene.lose(4);
    scene.see([1, 2, 3, 'gap', 5, ...REST]);
    scene.resume(7, [8, 9], { recovered: false, askedAt: 750, confirmedAt: 751 });
  }],
  'a gap after a publish of unknown outcome': ['unproven', (scene) => {
    scene.round.keeps = false;
    scene.publishes.push({ ...scene.publish(4.5, { outcome: 'unknown', id: null }), text: 'unknown' });
    scene.see([1, 2, 3, 'gap', 4, 5, ...REST]);
  }],
};

for (const [name, tell] of Object.entries(RIGHT)) {
  test(`the judge accepts ${name}`, () => {
    const scene = new Scene();
    tell(scene);
    const { violations, alarms } = scene.judge();
    assert.deepEqual(violations, []);
    assert.deepEqual(alarms, { false: [], unproven: [] });
  });
}

for (const [name, [rule, words, tell]] of Object.entries(WRONG)) {
  test(`the judge refuses ${name}`, () => {
    const scene = new Scene();
    tell(scene);
    const { violations } = scene.judge();
    const found = violations.some((one) => one.rule === rule && words.test(one.what));
    assert.ok(found, `${rule} ${words}: ${JSON.stringify(violations, null, 1)}`);
  });
}

for (const [name, [kind, tell]] of Object.entries(ALARMS)) {
  test(`the judge reports ${name} for no reason as an alarm that is ${kind}`, () => {
    const scene = new Scene();
    tell(scene);
    const { violations, alarms } = scene.judge();
    assert.deepEqual(violations, []);
    assert.equal(alarms[kind].length, 1, JSON.stringify(alarms));
  });
}

test('the judge counts who came or went before all nodes were back, and could not be told', () => {
  const scene = new Scene();
  scene.lose(4, 5);
  scene.resume(2, [3, ...REST], { gaps: false, askedAt: 500, confirmedAt: 501 });
  scene.see([1, 2, 3, 6, 7], { endedAt: 750 });
  const { violations, early } = scene.judge();
  assert.deepEqual(violations, []);
  assert.equal(early, 4);
});
