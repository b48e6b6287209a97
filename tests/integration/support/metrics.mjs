// Parses the Prometheus text format 0.0.4 as strictly as a scraper may.

import assert from 'node:assert/strict';

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const COMMENT = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`);
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (-?[0-9.eE+-]+|[+-]Inf|NaN)$`);
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(,|$)/y;
const TYPES = ['counter', 'gauge', 'histogram'];

function parseLabels(text = '') {
  const labels = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text);
    assert.ok(match, `labels: ${text}`);
    labels[match[1]] = match[2];
  }
  return labels;
}

function addSample(family, line) {
  const match = SAMPLE.exec(line);
  assert.ok(match, `a sample: ${line}`);
  const suffix = match[1].slice(family.name.length);
  assert.ok(match[1].startsWith(family.name), `${line} belongs to ${family.name}`);
  const suffixes = family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
  assert.ok(suffixes.includes(suffix), `${match[1]} is not a sample of a ${family.type}`);
  family.samples.push({ suffix, labels: parseLabels(match[2]), value: Number(match[3]) });
}

function assertHistogram({ name, samples }) {
  const buckets = samples.filter(({ suffix }) => suffix === '_bucket');
  for (let i = 1; i < buckets.length; i++) {
    assert.ok(buckets[i].value >= buckets[i - 1].value, `${name}: buckets add up`);
  }
  assert.equal(buckets.at(-1).labels.le, '+Inf', name);
  assert.equal(buckets.at(-1).value, samples.find(({ suffix }) => suffix === '_count').value, name);
}

/** A map from the name of each family to { name, help, type, samples: [{ suffix, labels, value }] }. */
export function parsePrometheus(text) {
  assert.ok(text.endsWith('\n'), 'the last line ends with a newline');
  const families = new Map();
  let family = null;
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = COMMENT.exec(line);
    if (!comment) {
      addSample(family, line);
    } else if (comment[1] === 'HELP') {
      assert.ok(!families.has(comment[2]), `${comment[2]} comes once`);
      family = { name: comment[2], help: comment[3], samples: [] };
      families.set(family.name, family);
    } else {
      assert.equal(comment[2], family.name, 'TYPE follows its HELP');
      assert.ok(TYPES.includes(comment[3]), line);
      family.type = comment[3];
    }
  }
  for (const each of families.values()) {
    assert.ok(each.type && each.samples.length > 0, `${each.name} has a type and samples`);
    if (each.type === 'histogram') assertHistogram(each);
  }
  return families;
}
