// Where the lines and ticks of a chart are. Nothing here draws.

const STEPS = [1, 2, 4, 6, 8, 10]; // whose halves are short too

/** A round number that is at least `value`, so that a scale ends at a number people can read. */
export function niceTop(value) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  const step = STEPS.find((n) => n * unit >= value * (1 - 1e-9));
  return Number((step * unit).toPrecision(3));
}

/** The spans of time that a chart may show, in minutes, each with the minutes between its ticks. */
const SPANS = [[2, 1], [6, 2], [15, 5]];

/** { ms, ticks } of the shortest span that shows everything since `first`; ticks are minutes ago. */
export function timeSpan(first, now) {
  const [minutes, step] = SPANS.find(([n]) => now - first <= n * 60_000) ?? SPANS.at(-1);
  const ticks = Array.from({ length: minutes / step + 1 }, (_, i) => minutes - i * step);
  return { ms: minutes * 60_000, ticks };
}

/** A linear scale from [from, to] to [start, end]. */
export function scale(from, to, start, end) {
  const factor = to > from ? (end - start) / (to - from) : 0;
  return (value) => start + (value - from) * factor;
}

const rounded = (n) => Math.round(n * 10) / 10;

/**
 * The path (the attribute d) of a line through points {at, value}, in pixels. A point whose value is
 * null breaks the line; a point alone between breaks is drawn as a dot, by a line of no length.
 */
export function linePath(points, x, y) {
  const parts = [];
  let run = 0;
  for (const { at, value } of points) {
    if (value === null) {
      if (run === 1) parts.push('h0');
      run = 0;
      continue;
    }
    parts.push(`${run === 0 ? 'M' : 'L'}${rounded(x(at))} ${rounded(y(value))}`);
    run++;
  }
  if (run === 1) parts.push('h0');
  return parts.join('');
}

/** The largest value; 0 if there is none. */
export function largest(points) {
  return points.reduce((max, { value }) => (value !== null && value > max ? value : max), 0);
}

/** The point closest in time, or null. */
export function nearest(points, at) {
  let best = null;
  for (const point of points) {
    if (!best || Math.abs(point.at - at) < Math.abs(best.at - at)) best = point;
  }
  return best;
}
