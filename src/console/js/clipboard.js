// clipboard.js - copies text.

import { announce } from './announce.js';
import { button, fill, make } from './dom.js';

const SHOWN_MS = 1500;

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // Without TLS, a page that is not on localhost has no clipboard, but it may copy a selection.
  const area = make('textarea', { class: 'unseen', 'aria-hidden': 'true', tabindex: -1 });
  const { activeElement } = document;
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  activeElement.focus();
  if (!isCopied) throw new Error('the browser does not permit copying');
  return undefined;
}

/** A button, with a label as dom.js takes children, that copies what text() returns and says so. */
export function copyButton(label, text, attributes = {}) {
  const made = button(label, async () => {
    let said = 'Copied';
    try {
      await copy(text());
    } catch {
      said = 'Not permitted';
    }
    fill(made, said);
    announce(said);
    setTimeout(() => fill(made, label), SHOWN_MS);
  }, attributes);
  return made;
}
