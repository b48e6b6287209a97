// connection.js - shows the connection to the user: the state in the top bar, the notice above the
// panel when something is wrong, and the dialog that asks for a token.

import { announce } from './announce.js';
import { AS_TYPED, button, field, fill, make, setText } from './dom.js';
import { clockTime } from './lib/duration.js';
import { visibleLine } from './lib/visible.js';
import { panels } from './panel.js';

const LOOKS = {
  idle: ['', 'Not connected'],
  connecting: ['warn', 'Connecting'],
  open: ['good', 'Connected'],
  waiting: ['bad', 'Disconnected'],
  refused: ['bad', 'Refused'],
  expired: ['bad', 'Token expired'],
};

/** The button in the top bar. */
class ConnectionState extends HTMLElement {
  set hub(hub) {
    this.text = make('span', { class: 'where' });
    this.button = make('button', {
      type: 'button', class: 'button connection', 'aria-haspopup': 'dialog',
      onclick: () => openConnectDialog(hub),
    }, make('span', { class: 'lamp' }), this.text);
    this.append(this.button);
    hub.addEventListener('state', () => this.#show(hub));
    this.#show(hub);
  }

  #show(hub) {
    const [kind, text] = LOOKS[hub.state.name];
    const isSlow = hub.isOpen && hub.slow;
    this.button.dataset.kind = isSlow ? 'warn' : kind;
    setText(this.text, isSlow ? 'Slow' : text);
    const trip = hub.roundTripMs === null ? '' : `, round trip ${hub.roundTripMs} ms`;
    this.button.title = `${location.host}${trip}${hub.hasToken ? `, as ${holder(hub)}` : ''}`;
  }
}

function holder(hub) {
  const { sub } = hub.claims ?? {};
  return typeof sub === 'string' ? visibleLine(sub) : 'the holder of the token';
}

/** The notice above the panel: says what is wrong, and what helps. */
class ConnectionNotice extends HTMLElement {
  #announced = '';
  #clock = 0;

  set hub(hub) {
    this.text = make('p');
    this.actions = make('div', { class: 'row' });
    this.box = make('div', { class: 'notice', hidden: true }, this.text, this.actions);
    this.append(this.box);
    hub.addEventListener('state', () => this.#show(hub));
  }

  #show(hub) {
    clearInterval(this.#clock);
    const { name, reason } = hub.state;
    if (name === 'connecting' && reason) return; // the notice of the failure before stays
    const { kind, text, actions = [] } = notice(hub);
    this.box.hidden = !text;
    this.box.dataset.kind = kind ?? '';
    setText(this.text, text);
    fill(this.actions, ...actions);
    if (name === 'waiting') {
      this.#clock = setInterval(() => setText(this.text, notice(hub).text), 1000);
    }
    const said = name === 'open' ? 'Connected' : sentence(reason || LOOKS[name][1]);
    if (said !== this.#announced) announce(said);
    this.#announced = said;
  }
}

function notice(hub) {
  const { name, reason, retryAt, isOfToken } = hub.state;
  const askToken = (text) => button(text, () => openConnectDialog(hub));
  if (name === 'waiting') {
    const seconds = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    const when = seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again now.';
    return {
      kind: 'bad', text: `Disconnected: ${reason}. ${when}`,
      actions: [button('Try now', () => hub.retryNow())],
    };
  }
  if (name === 'refused') {
    return {
      kind: 'bad', text: `The server refused the connection: ${reason}.`,
      actions: [isOfToken && askToken(hub.hasToken ? 'Use another token' : 'Use a token'),
        button('Try again', () => hub.retryNow())],
    };
  }
  if (name === 'expired') {
    return {
      kind: 'bad',
      text: 'The token has expired, so the server ended the connection. ' +
        'With a new one, subscriptions continue where they stopped.',
      actions: [askToken('Use a new token')],
    };
  }
  if (name === 'open' && hub.slow) return { kind: 'warn', text: `Slow: ${hub.slow}.` };
  return { text: '' };
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

let dialog = null;

/** Opens the dialog that connects, with a token or without, and disconnects. */
export function openConnectDialog(hub) {
  dialog ??= buildDialog(hub);
  dialog.show();
}

function buildDialog(hub) {
  const token = make('textarea', {
    class: 'input data', rows: 4, name: 'token', ...AS_TYPED,
  });
  const state = make('p', { class: 'soft' });
  const end = button('Disconnect', () => {
    hub.disconnect();
    box.close();
  });
  const maker = make('a', { href: '#tokens', onclick: () => box.close() }, 'Make a token for development');
  const form = make('form', { class: 'stack' },
    make('h2', { id: 'connect-title' }, 'Connection'), state,
    field('Token', token, {
      hint: 'Leave it empty if the server asks for none. The token stays in the memory of this page.',
    }),
    maker,
    make('div', { class: 'actions' }, end,
      button('Cancel', () => box.close()),
      make('button', { type: 'submit', class: 'button button-main' }, 'Connect')));
  form.onsubmit = (event) => {
    event.preventDefault();
    hub.connect(token.value);
    box.close();
  };
  const forget = () => { token.value = ''; };
  const box = make('dialog', { class: 'dialog', 'aria-labelledby': 'connect-title', onclose: forget }, form);
  document.body.append(box);
  return {
    show() {
      setText(state, describe(hub));
      end.hidden = !['open', 'connecting', 'waiting'].includes(hub.state.name);
      maker.hidden = !panels.some(({ name }) => name === 'tokens');
      box.showModal();
      token.focus();
    },
  };
}

function describe(hub) {
  const who = hub.hasToken ? ` as ${holder(hub)}` : ' without a token';
  if (hub.isOpen) return `Connected to ${location.host}${who}.${expiry(hub)}`;
  return notice(hub).text || `${LOOKS[hub.state.name][1]}.`;
}

function expiry(hub) {
  const exp = hub.claims?.exp;
  if (typeof exp !== 'number') return '';
  return ` The token expires at ${clockTime(exp * 1000)}.`;
}

customElements.define('connection-state', ConnectionState);
customElements.define('connection-notice', ConnectionNotice);
