// The positions of the lines and ticks of a chart. Nothing here draws.

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
 * The shapes that show points {at, value}, in pixels: { path, dots }. The path (the attribute d) is the
 * line, which breaks where a value is null. A point alone between breaks is a dot, [x, y].
 */
export function lineOf(points, x, y) {
  const parts = [];
  const dots = [];
  for (let i = 0; i < points.length; i++) {
    if (points[i].value === null) continue;
    const at = [rounded(x(points[i].at)), rounded(y(points[i].value))];
    const isFirst = (points[i - 1]?.value ?? null) === null;
    const isLast = (points[i + 1]?.value ?? null) === null;
    if (isFirst && isLast) dots.push(at);
    else parts.push(`${isFirst ? 'M' : 'L'}${at.join(' ')}`);
  }
  return { path: parts.join(''), dots };
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
