// The history of one run in a world, written by its clients for judge.mjs. Everything is plain data, so that
// a history can be kept in a file and judged again.

import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class History {
  publishes = []; // { text, topic, key, isMarker, attempts }
  views = []; // one for each subscription of each connection
  logs = []; // answers to eventlog
  rounds = [];
  readiness = []; // by node: { at, status }, at each change
  #last = 0;

  constructor(facts) {
    Object.assign(this, facts);
  }

  /** The time in ms; no two calls get the same. */
  now() {
    this.#last = Math.max(this.#last + 0.0001, performance.now());
    return this.#last;
  }

  addPublish(topic, text, { key = null, isMarker = false } = {}) {
    const publish = { text, topic, key, isMarker, attempts: [] };
    this.publishes.push(publish);
    return publish;
  }

  /** A publish is sent to a node. Attempts with the same `line` are done in the order of sending. */
  addAttempt(publish, { node, line = null }) {
    const attempt = { node, line, sentAt: this.now(), answeredAt: null, outcome: 'unknown', id: null };
    publish.attempts.push(attempt);
    return attempt;
  }

  answers(attempt, outcome, id = null) {
    Object.assign(attempt, { answeredAt: this.now(), outcome, id });
  }

  /** `resumes` is the name of the view of the same client before this one. */
  addView({ kind, client, node, filter, gaps, from = null, resumes = null }) {
    const name = `${client}.${this.views.length} (${kind} ${filter}${gaps ? ' gaps' : ''} node ${node})`;
    const view = { name, kind, node, filter, gaps, from, resumes, askedAt: this.now(), confirmedAt: null,
      recovered: null, start: null, position: null, events: [], endedAt: null };
    this.views.push(view);
    return view;
  }

  /** A file with everything; a `note` says why it was kept. */
  save(note) {
    const dir = process.env.HISTORIES ?? mkdtempSync(join(tmpdir(), 'eventhub-history-'));
    const file = join(dir, `${this.world}-${this.seed}.json`);
    writeFileSync(file, JSON.stringify({ note, ...this }, null, 1));
    return file;
  }
}
