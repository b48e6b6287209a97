// Numbers as the console shows them: three digits that matter, with the unit that fits.

const group = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

function digits(value) {
  if (value >= 100) return group.format(value);
  return String(Number(value.toFixed(value >= 10 ? 1 : 2)));
}

/** "1,204", "12.5", "0.03". null, a figure that is not known, is a dash. */
export function number(value) {
  return value === null ? '–' : digits(value);
}

/** Two digits that matter, for figures with a unit that move all the time. */
function rough(value) {
  return value >= 10 ? group.format(value) : String(Number(value.toFixed(1)));
}

/** A rate, size or count with a short unit: "3.2 k". */
export function short(value) {
  if (value === null) return '–';
  if (value >= 1e9) return `${digits(value / 1e9)} G`;
  if (value >= 1e6) return `${digits(value / 1e6)} M`;
  return value >= 1e4 ? `${digits(value / 1e3)} k` : digits(value);
}

/** "640 B", "1.5 kB", "12 MB". */
export function bytes(value) {
  if (value === null) return '–';
  if (value >= 1e9) return `${rough(value / 1e9)} GB`;
  if (value >= 1e6) return `${rough(value / 1e6)} MB`;
  return value >= 1e3 ? `${rough(value / 1e3)} kB` : `${rough(value)} B`;
}

/** "0.4 ms", "1.2 s". */
export function milliseconds(value) {
  if (value === null) return '–';
  return value >= 1000 ? `${rough(value / 1000)} s` : `${digits(value)} ms`;
}
