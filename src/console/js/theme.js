// theme.js - the switch between the system's theme, light and dark. The choice lasts as long as the
// page: the console stores nothing.

import { fill, make } from './dom.js';
import { icon } from './icons.js';

const THEMES = ['system', 'light', 'dark'];

class ThemeSwitch extends HTMLElement {
  #theme = 'system';

  connectedCallback() {
    this.button = make('button', {
      type: 'button', class: 'button button-plain button-icon', onclick: () => this.#next(),
    });
    this.append(this.button);
    this.#show();
  }

  #next() {
    this.#theme = THEMES[(THEMES.indexOf(this.#theme) + 1) % THEMES.length];
    if (this.#theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.#theme;
    this.#show();
  }

  #show() {
    const label = `Theme: ${this.#theme}`;
    this.button.setAttribute('aria-label', label);
    this.button.title = label;
    fill(this.button, icon(this.#theme));
  }
}

customElements.define('theme-switch', ThemeSwitch);
