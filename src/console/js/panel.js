// panel.js - how a panel registers itself.
//
// A panel is one module in js/panels/ with one custom element. js/panels.js imports the modules in the
// order of the navigation; its last line does the rest:
//
//   class LogPanel extends Panel {
//     build() { this.append(panelHead('Log'), …); }        // once, when it is first shown
//     shown() { … }                                        // each time it becomes visible
//     gone() { … }                                         // and when it no longer is
//   }
//   definePanel('log', 'Log', LogPanel);                   // #log, title, <panel-log>; icon "log"
//
// Everything goes into the light DOM and takes the classes of css/controls.css; what is special to a
// panel is in css/<name>.css. Text comes from dom.js, which makes text nodes.

import { make } from './dom.js';

export const panels = []; // { name, title, tag, isEager } in the order of the navigation

export class Panel extends HTMLElement {
  hub = null; // the Hub, set before build()
  #isBuilt = false;

  connectedCallback() {
    if (this.#isBuilt) return;
    this.#isBuilt = true;
    this.classList.add('panel');
    this.build();
  }

  build() {}

  shown() {}

  gone() {}
}

/** A panel is built when it is first shown, or with the page if it isEager. */
export function definePanel(name, title, element, { isEager = false } = {}) {
  const tag = `panel-${name}`;
  customElements.define(tag, element);
  panels.push({ name, title, tag, isEager });
}

/** The first line of a panel: its name, and controls or figures that concern all of it. */
export function panelHead(title, ...children) {
  return make('div', { class: 'panel-head' }, make('h1', {}, title), ...children);
}
