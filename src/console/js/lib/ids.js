// ids.js - message ids, which have the form <ms>-<seq>. Pure.

/** When the broker assigned the id, in ms since the epoch; NaN if it is not an id. */
export function idTime(id) {
  return Number(id.slice(0, id.indexOf('-')));
}

/** Reports whether id `a` is greater than id `b`. Compares both parts as numbers, as the protocol demands. */
export function isLater(a, b) {
  const difference = idTime(a) - idTime(b);
  if (difference !== 0) return difference > 0;
  return Number(a.slice(a.indexOf('-') + 1)) > Number(b.slice(b.indexOf('-') + 1));
}
