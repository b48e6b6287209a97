// tokens.js - the panel that makes development tokens and inspects any token.

import { make } from '../dom.js';
import { definePanel, Panel, panelHead } from '../panel.js';
import '../tokens/editor.js';
import '../tokens/inspector.js';

class TokensPanel extends Panel {
  #editor = make('token-editor', { class: 'card' });
  #inspector = make('token-inspector', { class: 'card' });

  build() {
    this.#inspector.hub = this.hub;
    this.#editor.addEventListener('token', ({ detail }) => this.#inspector.show(detail));
    this.append(panelHead('Tokens'));
    if (!globalThis.crypto?.subtle) {
      this.append(make('p', { class: 'notice', 'data-kind': 'warn' },
        'The browser signs and verifies only on pages that it loads over https or from localhost, and this is not one. '
        + 'Open the console there, or make tokens with eventhubctl token.'));
      this.#editor.hidden = true;
    }
    this.append(make('div', { class: 'tokens' }, this.#editor, this.#inspector));
  }

  shown() {
    this.#inspector.shown();
  }

  gone() {
    this.#inspector.gone();
  }
}

definePanel('tokens', 'Tokens', TokensPanel);
