// The points of the last 15 minutes, oldest first. A break says that nothing is known up to the next
// point, so that charts do not draw a line across it.

export const WINDOW_MS = 15 * 60_000;
const POINTS_MAX = 2000; // a clock that stands still must not fill the memory

export class Series {
  #points = [];

  /** Adds a point; a point before the newest one (the clock was set back) begins the series anew. */
  push(point) {
    if (point.at < (this.#points.at(-1)?.at ?? -Infinity)) this.#points = [];
    this.#points.push(point);
    const oldest = point.at - WINDOW_MS;
    const stale = this.#points.findIndex(({ at }) => at >= oldest);
    if (stale > 0) this.#points.splice(0, stale);
    if (this.#points.length > POINTS_MAX) this.#points.shift();
  }

  breakAt(at) {
    if (this.#points.length > 0 && !this.#points.at(-1).isBreak) this.push({ at, isBreak: true });
  }

  get points() {
    return this.#points;
  }
}

/** The mean of the known values of each minute, newest first: [{ at, values }]; null: none is known. */
export function perMinute(points, keys, valueOf = (point, key) => point[key]) {
  const minutes = new Map();
  for (const point of points) {
    if (point.isBreak) continue;
    const at = Math.floor(point.at / 60_000) * 60_000;
    if (!minutes.has(at)) minutes.set(at, []);
    minutes.get(at).push(point);
  }
  const mean = (all) => (all.length ? all.reduce((sum, n) => sum + n, 0) / all.length : null);
  return [...minutes].reverse().map(([at, of]) => ({
    at,
    values: keys.map((key) => mean(of.map((point) => valueOf(point, key)).filter((v) => v !== null))),
  }));
}
