// Topics and patterns (docs/protocol.md, section 1), with the answers that the server gives.

const MAX_BYTES = 256;
const LEVEL = /^[a-zA-Z0-9_-]*$/;

function isBounded(text) {
  return text.length > 0 && text.length <= MAX_BYTES && !text.startsWith('/') && !text.endsWith('/');
}

/** Reports whether messages can be published to this topic. */
export function isTopic(text) {
  return isBounded(text) && text.split('/').every((level) => LEVEL.test(level));
}

/** Reports whether this is a topic or a pattern. */
export function isTopicOrPattern(text) {
  if (!isBounded(text)) return false;
  const levels = text.split('/');
  return levels.every((level, i) => {
    return level === '+' || (level === '#' && i === levels.length - 1) || LEVEL.test(level);
  });
}

/** A topic that the pattern matches; a topic is its own example. */
export function exampleOf(pattern) {
  const levels = pattern === '#' ? ['demo', '#'] : pattern.split('/');
  return levels.map((level) => (level === '#' || level === '+' ? 'hello' : level)).join('/');
}

/**
 * Reports whether `first` and what follows it match everything that a `#` can stand for: any number
 * of levels, or at least one if no level would not leave a topic. So `+/#` covers `#`.
 */
function coversRest(first, next, isOneNeeded) {
  return first === '#' || (isOneNeeded && first === '+' && next === '#');
}

/** Reports whether the valid pattern `wide` matches everything that the valid `narrow` can match. */
export function covers(wide, narrow) {
  const w = wide.split('/');
  const n = narrow.split('/');
  for (let i = 0; i < w.length; i++) {
    if (i >= n.length) return w[i] === '#';
    if (n[i] === '#') return coversRest(w[i], w[i + 1], i === 0 || n[i - 1] === '');
    if (w[i] === '#') return true;
    if (w[i] !== '+' && w[i] !== n[i]) return false;
  }
  return w.length === n.length;
}
