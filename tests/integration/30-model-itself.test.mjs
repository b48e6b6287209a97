// The model must notice every fault that a server could have: correct stories pass, faulty ones fail.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { matches, Model, View } from './support/model.mjs';

const BASE = 1_700_000_000_000;
const idOf = (n) => `${BASE + n}-0`;

/** Publishes 1 to 5 of topic a with known ids, before any request; `more` holds options of publishes. */
function story(how, more = {}) {
  const model = new Model(how);
  const message = (n) => ({ id: idOf(n), topic: 'a', message: `m ${n}` });
  const publish = (n) => model.answers(model.sends('a', `m ${n}`, more[n]), idOf(n));
  for (let n = 1; n <= 5; n++) publish(n);
  const see = (view, recovered, ...numbers) => {
    model.confirms(model.asks(view), recovered);
    view.messages.push(...numbers.map(message));
    return view;
  };
  return { model, publish, message, see };
}

const after = (n, how) => new View('a', { from: { after: idOf(n) }, ...how });

const RIGHT = {
  'a whole history': ({ see }) => see(after(2), true, 3, 4, 5),
  'a connection that ended early': ({ see }) => see(after(2), true, 3, 4),
  'the newest messages': ({ see }) => see(after(1, { limit: 2 }), false, 4, 5),
  'the oldest messages of a log': ({ see }) => see(after(1, { limit: 2, isLog: true }), true, 2, 3),
  'live messages after the confirmation': ({ see, publish, message }) => {
    const view = see(new View('#'), undefined);
    publish(6);
    Object.assign(view, { messages: [message(6)], upTo: idOf(6) });
  },
  'a publish of unknown outcome': ({ model }) => model.answers(model.sends('a', 'lost'), undefined),
};

const WRONG = {
  'a gap': ({ see }) => see(after(2), true, 3, 5),
  'a gap at the beginning': ({ see }) => see(after(2), true, 4, 5),
  'a message twice': ({ see }) => see(after(2), true, 3, 4, 4, 5),
  'messages out of order': ({ see }) => see(after(2), true, 3, 5, 4),
  'a message before the point': ({ see }) => see(after(2), true, 2, 3, 4, 5),
  'a message of another topic': ({ see }) => see(new View('b'), undefined, 3),
  'a message that was never published': ({ see }) => see(after(2), true, 3, 4, 5, 6),
  'more messages than the limit': ({ see }) => see(after(1, { limit: 2 }), false, 3, 4, 5),
  'recovered: false for no reason': ({ see }) => see(after(2), false, 3, 4, 5),
  'recovered: true although the limit cut messages off': ({ see }) =>
    see(after(1, { limit: 2 }), true, 4, 5),
  'an end before a marker': ({ see }) =>
    Object.assign(see(after(2), true, 3, 4), { upTo: idOf(5) }),
  'an incomplete log': ({ see }) => see(after(2, { isLog: true }), true, 3, 4),
  'a lost live message': ({ see, publish, message }) => {
    const view = see(new View('#'), undefined);
    publish(6);
    publish(7);
    Object.assign(view, { messages: [message(7)], upTo: idOf(7) });
  },
  'a message that was answered "not published"': ({ model, see }) => {
    model.answers(model.sends('a', 'm 6'), null);
    see(after(5), true, 6);
  },
  'a publish with two ids': ({ model }) =>
    model.answers(model.sends('a', 'm 5'), idOf(6)),
  'one id for two publishes': ({ model }) => model.answers(model.sends('a', 'm 6'), idOf(5)),
  'an id below an earlier one': ({ model }) =>
    model.answers(model.sends('a', 'm 6'), idOf(0)),
};

for (const [name, tell] of Object.entries(RIGHT)) {
  test(`accepts ${name}`, () => {
    const scene = story();
    tell(scene);
    scene.model.check();
  });
}

for (const [name, tell] of Object.entries(WRONG)) {
  test(`rejects ${name}`, () => {
    assert.throws(() => {
      const scene = story();
      tell(scene);
      scene.model.check();
    }, assert.AssertionError);
  });
}

test('accepts that only old messages are missing from a log that was trimmed or lost', () => {
  for (const prepare of [(model) => (model.maxLength = 2), (model) => model.loses()]) {
    const scene = story();
    prepare(scene.model);
    scene.see(after(1), false, 4, 5);
    scene.model.check();
    scene.see(after(1), false, 3, 5);
    assert.throws(() => scene.model.check(), /is missing/);
  }
});

test('requires that a message whose ttl ran out is missing from a log', () => {
  const scene = story({}, { 3: { ttl: 1 } });
  scene.see(after(2, { isLog: true }), true, 4, 5);
  scene.model.check();
  scene.see(after(2, { isLog: true }), true, 3, 4, 5);
  assert.throws(() => scene.model.check(), /does not belong/);
});

test('matches patterns', () => {
  const cases = {
    'a/b a/b': true, 'a/b a': false, '# a/b': true, '+ a': true, '+ a/b': false, 'a/# a': true,
    'a/# a/b/c': true, 'a/# b': false, '+/b/# a/b': true, '+/b/# a/c': false, 'a/+ a': false,
  };
  for (const [pair, expected] of Object.entries(cases)) {
    assert.equal(matches(...pair.split(' ')), expected, pair);
  }
});
