// announce.js - tells screen readers what happened, in the one live region of the page.

const PAUSE_MS = 1000;
let pending = 0;

/** Says the text once things are quiet for a second: of several texts in a row, only the last. */
export function announce(text) {
  clearTimeout(pending);
  pending = setTimeout(() => {
    document.getElementById('announcer').textContent = text;
  }, PAUSE_MS);
}
