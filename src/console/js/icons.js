// icons.js - line drawings of 16 by 16.

import { draw } from './dom.js';

const PATHS = {
  messages: 'M2.5 3.5h11v7h-6l-3 2.5v-2.5h-2zM5 6h6M5 8.2h4',
  log: 'M8 2.5a5.5 5.5 0 1 1-5 3.2M2.5 2.5v3.3h3.3M8 5.2V8l2 1.5',
  keys: 'M5.2 11.8a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2zM7.8 9.2h6.2v2.3M11.5 9.2v1.6',
  presence: 'M6 8a2.4 2.4 0 1 0 0-4.8A2.4 2.4 0 0 0 6 8zM1.8 13c.3-2 2-3.2 4.2-3.2S9.9 11 10.2 13M11 7.6a2 2 0 0 0 0-4M12 10c1.3.4 2.1 1.5 2.3 3',
  live: 'M1.5 8.5h3l2-5 3 9 2-4h3',
  tokens: 'M8 1.8 13 3.7v4c0 3-2 5.2-5 6.5-3-1.3-5-3.5-5-6.5v-4zM6 7.8 7.5 9.3 10.3 6.3',
  light: 'M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6zM8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9',
  dark: 'M13 9.5A5.5 5.5 0 1 1 6.5 3a4.5 4.5 0 0 0 6.5 6.5z',
  system: 'M2.5 3.5h11v7.5h-11zM6 13.5h4',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.2v9.6L12.5 8z',
  close: 'M4 4l8 8M12 4l-8 8',
  clear: 'M3 4.5h10M6.5 4.5v-1.5h3v1.5M4.5 4.5l.5 8.5h6l.5-8.5',
  down: 'M8 3v9.5M4 8.8l4 4 4-4',
  send: 'M2.5 8 13.5 3l-4 10.5-2.5-4zM7 9.5 13.5 3',
  find: 'M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.3 10.3 13.5 13.5',
};

/** The icon of this name. It is decoration: the text beside it, or aria-label, says what it means. */
export function icon(name) {
  const svg = draw('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': true });
  svg.append(draw('path', { d: PATHS[name] }));
  return svg;
}
