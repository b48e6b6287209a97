// Quantiles of the values that a histogram observed between two scrapes.

/** [upper bound, count up to it] in ascending order. */
function cumulative(buckets) {
  return Object.entries(buckets)
    .map(([bound, n]) => [bound === '+Inf' ? Infinity : Number(bound), n])
    .sort(([a], [b]) => a - b);
}

/**
 * The value below which the part `q` (0 to 1) of the observations between two scrapes lies, estimated
 * as Prometheus does: evenly spread within a bucket. A value beyond the last bound is given as
 * that bound. null: nothing was observed, or the histogram began anew.
 */
export function quantileBetween(q, before, after) {
  const earlier = new Map(cumulative(before));
  const grown = cumulative(after).map(([bound, n]) => [bound, n - (earlier.get(bound) ?? 0)]);
  const total = grown.at(-1)?.[1] ?? 0;
  if (!(total > 0)) return null;
  const rank = q * total;
  let low = 0;
  let below = 0;
  for (const [bound, upTo] of grown) {
    if (upTo >= rank && upTo > below) {
      return bound === Infinity ? low : low + ((bound - low) * (rank - below)) / (upTo - below);
    }
    low = bound;
    below = upTo;
  }
  return null;
}
