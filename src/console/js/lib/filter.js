// The filter of the list of messages.

import { covers, isTopicOrPattern } from './topic.js';

/** A function that finds the text in any case, also where it is in another Unicode case. */
export function finder(text) {
  const pattern = new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'iu');
  return (where) => pattern.test(where);
}

function topicTest(topic) {
  if (!/[+#]/.test(topic)) return finder(topic);
  if (!isTopicOrPattern(topic)) return () => false;
  return (of) => covers(topic, of);
}

/**
 * The filter for what was typed: `text` is looked for in the message, its origin and its id; `topic` is
 * a pattern, or a part of the topic. Reports of lost messages pass every filter. null: nothing typed.
 */
export function makeFilter({ text, topic }) {
  if (!text && !topic) return null;
  const hasText = text ? finder(text) : () => true;
  const hasTopic = topic ? topicTest(topic) : () => true;
  return (entry) => entry.kind !== 'message' || (hasTopic(entry.topic) &&
    (hasText(entry.text) || hasText(entry.origin) || hasText(entry.id)));
}
