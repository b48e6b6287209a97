// inspector.js - what a token says: its claims in words, whether the server would accept it now, whether
// a secret made its signature, and what it permits with a topic. "Use this token" connects with it.

import { announce } from '../announce.js';
import { copyButton } from '../clipboard.js';
import { AS_TYPED, button, field, fill, make, setText } from '../dom.js';
import { cleanToken, isSupported, readToken, tokenFault, usesSecret, verifyToken } from '../lib/jwt.js';
import { plain, rightsTo, tokenFacts } from '../lib/token_words.js';
import { isTopic, isTopicOrPattern } from '../lib/topic.js';
import { visibleLine } from '../lib/visible.js';
import { secretField } from './secret_field.js';

const TICK_MS = 1000;
const RIGHTS = { read: 'read', write: 'write', presence: 'see who is present' };

class TokenInspector extends HTMLElement {
  hub = null; // set before it is connected
  #text = make('textarea', {
    class: 'input data', name: 'token', rows: 5, ...AS_TYPED, placeholder: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9…',
  });
  #secret = secretField('Secret to verify with', 'verify', 'Optional. It stays in the memory of this page.');
  #verdict = make('p', { class: 'notice', hidden: true });
  #facts = make('dl', { class: 'facts' });
  #topic = make('input', { class: 'input data', name: 'try', ...AS_TYPED, placeholder: 'news/today' });
  #rights = make('p', { class: 'soft' });
  #found = make('div', { class: 'stack', hidden: true }, this.#facts,
    field('Try a topic or pattern', this.#topic), this.#rights);
  #copy = copyButton('Copy', () => this.#token);
  #use = button('Use this token', () => this.#useToken());
  #read = { fault: 'there is no token' }; // what readToken found
  #signature = 'unchecked'; // unchecked, right, wrong, or unknown (an algorithm without a secret)
  #timer = null;

  connectedCallback() {
    this.append(make('form', { class: 'stack', autocomplete: 'off', onsubmit: (event) => event.preventDefault() },
      make('h2', {}, 'Inspect a token'),
      field('Token', this.#text), this.#secret.element,
      make('div', { class: 'row' }, this.#use, this.#copy), this.#verdict, this.#found));
    this.#text.oninput = () => this.#inspect();
    this.#secret.input.oninput = () => this.#inspect();
    this.#topic.oninput = () => this.#showRights();
    this.#inspect();
  }

  /** Shows this token, and whether the secret made it; the next step is to use it. */
  show({ token, secret }) {
    this.#text.value = token;
    this.#secret.input.value = secret;
    this.#inspect();
    this.#use.disabled = false;
    this.#use.focus();
  }

  /** Times in words pass while somebody looks. */
  shown() {
    this.#timer = setInterval(() => this.#show(), TICK_MS);
    this.#show();
  }

  gone() {
    clearInterval(this.#timer);
  }

  get #token() {
    return cleanToken(this.#text.value);
  }

  async #inspect() {
    const read = readToken(this.#token);
    this.#read = read;
    const signature = read.fault ? 'unchecked' : await this.#check(read);
    if (this.#read !== read) return; // typed on meanwhile
    this.#signature = signature;
    fill(this.#facts); // of another token
    this.#show();
  }

  async #check(read) {
    const secret = this.#secret.input.value;
    if (!usesSecret(read.header.alg)) return 'unknown';
    if (!secret || !crypto.subtle) return 'unchecked';
    return (await verifyToken(crypto.subtle, read, secret)) ? 'right' : 'wrong';
  }

  #show() {
    const { fault } = this.#read;
    const isEmpty = !this.#token;
    this.#use.disabled = Boolean(fault);
    this.#copy.disabled = isEmpty;
    this.#found.hidden = Boolean(fault);
    const [kind, text] = fault ? ['bad', `This is not a token: ${fault}.`] : this.#judge();
    this.#verdict.hidden = isEmpty;
    this.#verdict.dataset.kind = kind;
    if (!isEmpty && this.#verdict.textContent !== text) announce(text);
    setText(this.#verdict, text);
    if (fault) return;
    this.#showFacts();
    this.#showRights();
  }

  #judge() {
    const fault = tokenFault(this.#read, Date.now());
    if (fault) return ['bad', `The server refuses this token: ${fault}.`];
    const { alg } = this.#read.header;
    if (!isSupported(alg)) return ['bad', `The server refuses this token: it does not support the algorithm ${plain(alg)}.`];
    return {
      right: ['good', 'A server with this secret accepts this token.'],
      wrong: ['bad', 'The signature is wrong: another secret made this token, or somebody changed it.'],
      unknown: ['warn', `The signature cannot be checked here: ${alg} does not use a secret.`],
      unchecked: ['warn', 'The signature was not checked: enter the secret to verify it.'],
    }[this.#signature];
  }

  /** Changes only the texts that differ, so that a selection survives the passing of time. */
  #showFacts() {
    const facts = tokenFacts(this.#read, Date.now());
    const values = facts.flatMap(([, list]) => list);
    const shown = [...this.#facts.querySelectorAll('dd > bdi')];
    if (shown.length === values.length) {
      shown.forEach((element, i) => setText(element, visibleLine(values[i])));
      return;
    }
    fill(this.#facts, ...facts.flatMap(([name, list]) => [
      make('dt', {}, name),
      make('dd', { class: name.startsWith('May') && list[0] !== 'nothing' ? 'data' : 'figure' },
        list.map((value) => make('div', {}, make('bdi', {}, visibleLine(value))))),
    ]));
  }

  #showRights() {
    const topic = this.#topic.value.trim();
    if (!topic) return setText(this.#rights, '');
    if (!isTopicOrPattern(topic)) return setText(this.#rights, `"${topic}" is not a topic or pattern.`);
    const rights = rightsTo(topic, this.#read.claims)
      .filter((right) => right !== 'write' || isTopic(topic)).map((right) => RIGHTS[right]);
    return setText(this.#rights, `With ${topic} the token permits: ${rights.join(', ') || 'nothing'}.`);
  }

  #useToken() {
    this.hub.connect(this.#token);
    announce('Connecting with this token');
  }
}

customElements.define('token-inspector', TokenInspector);
