// messages.js - the panel that subscribes, shows messages as they arrive, and publishes.

import { make } from '../dom.js';
import { definePanel, Panel, panelHead } from '../panel.js';

class MessagesPanel extends Panel {
  build() {
    this.append(panelHead('Messages'), make('div', { class: 'empty card' },
      make('h2', {}, 'No subscriptions yet'),
      make('p', {}, 'Subscribe to a topic or pattern to see its messages here.')));
  }
}

definePanel('messages', 'Messages', MessagesPanel);
