// Durations and times in words, and durations as people type them.

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
];
const LETTERS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const YEAR_MS = 31_536_000_000;
const TYPED = /(\d+(?:\.\d+)?)(ms|[smhdw])/y;

function count(n, unit) {
  return `${n} ${unit}${n === 1 ? '' : 's'}`;
}

/** The two largest units of a duration: "2 hours 5 minutes". Below a second: "less than a second". */
export function durationWords(ms) {
  let rest = Math.floor(Math.abs(ms) / 1000) * 1000;
  const first = UNITS.findIndex(([, size]) => rest >= size);
  if (first < 0) return 'less than a second';
  const words = [];
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const n = Math.floor(rest / size);
    if (n > 0) words.push(count(n, unit));
    rest -= n * size;
  }
  return words.join(' ');
}

/** When something is, seen from `now`: "in 59 minutes", "3 hours ago". Both are ms since the epoch. */
export function whenWords(at, now) {
  if (Math.abs(at - now) < 1000) return 'now';
  return at > now ? `in ${durationWords(at - now)}` : `${durationWords(now - at)} ago`;
}

/** The ms of "90s", "1h30m" or "250ms"; null if the text is not a duration. */
export function parseDuration(text) {
  const typed = text.trim();
  let ms = 0;
  TYPED.lastIndex = 0;
  while (TYPED.lastIndex < typed.length) {
    const part = TYPED.exec(typed);
    if (!part) return null;
    ms += Number(part[1]) * LETTERS[part[2]];
  }
  return typed && Number.isSafeInteger(Math.round(ms)) ? Math.round(ms) : null;
}

/** The hint and the error text of a field for the time to live of a message or a key. */
export const TTL = {
  hint: 'For example 90s, 15m, 1h30m or 7d.',
  fault: 'Enter whole seconds, at most a year: for example 90s, 15m or 7d.',
};

/** The seconds of such a field, 0 if it is empty; null if it is wrong. */
export function parseTtl(text) {
  const ms = text.trim() ? parseDuration(text) : 0;
  return ms !== null && ms % 1000 === 0 && ms <= YEAR_MS ? ms / 1000 : null;
}

const two = (n) => String(n).padStart(2, '0');

/** The time of day of this zone: "13:05:09". */
export function timeOfDay(at) {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The part of a time below a second: ".042". */
export function fraction(at) {
  return `.${String(at % 1000).padStart(3, '0')}`;
}

/** A date and time of this zone that sorts as text: "2026-11-30 13:05:09". */
export function clockTime(at) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return 'beyond the calendar';
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${timeOfDay(at)}`;
}
