// editor.js - the form that makes a development token in the browser.
//
// The event "token" has the token and the secret in its detail, for the inspector beside it.

import { AS_TYPED, field, make, setText } from '../dom.js';
import { parseDuration } from '../lib/duration.js';
import { ADMIN_RIGHTS, adminOf, HASHES, parseRules, signToken } from '../lib/jwt.js';
import { isTopicOrPattern } from '../lib/topic.js';
import { secretField } from './secret_field.js';

const PATTERN_HINT = 'Topics or patterns, one on each line or with spaces between them.';

function words(text) {
  return text.split(/[\s,]+/).filter(Boolean);
}

function list(name, rows, placeholder) {
  return make('textarea', {
    class: 'input data', name, rows, placeholder, ...AS_TYPED,
  });
}

/** A rule of the form that is broken: which control, and what to do. */
class Complaint extends Error {
  constructor(control, message) {
    super(message);
    this.control = control;
  }
}

class TokenEditor extends HTMLElement {
  #sub = make('input', { class: 'input', name: 'sub', ...AS_TYPED, placeholder: 'alice' });
  #read = list('read', 2, 'news/#');
  #write = list('write', 2, 'chat/+');
  #presence = list('presence', 1, '');
  #admin = make('input', { class: 'input data', name: 'admin', ...AS_TYPED });
  #rlimit = list('rlimit', 2, 'chat/#=10/1s');
  #expiry = make('input', { class: 'input', name: 'expiry', value: '1h', autocomplete: 'off' });
  #alg = make('select', { class: 'input', name: 'alg' }, Object.keys(HASHES).map((alg) => make('option', {}, alg)));
  #secret = secretField('Secret', 'secret', 'The JWT_SECRET of the server. It stays in the memory of this page.');
  #fault = make('p', { class: 'notice', 'data-kind': 'bad', role: 'alert', hidden: true });

  connectedCallback() {
    const form = make('form', { class: 'stack', novalidate: true, autocomplete: 'off', onsubmit: (event) => this.#submit(event) },
      make('h2', {}, 'Make a token'),
      field('Holder (sub)', this.#sub, { hint: 'Shown as the origin of the messages that the holder publishes.' }),
      field('May read', this.#read, { hint: PATTERN_HINT }),
      field('May write', this.#write),
      field('May see who is present', this.#presence, { hint: 'Topics or patterns whose subscribers the holder may list by name.' }),
      field('May administer', this.#admin, { hint: `Rights over the whole server, for its control API: ${ADMIN_RIGHTS.join(', ')}.` }),
      field('May publish at most', this.#rlimit, { hint: 'A line for each limit: 10 messages a second to chat/# are chat/#=10/1s. Limits need a holder.' }),
      make('div', { class: 'row row-top' },
        field('Expires in', this.#expiry, { class: 'grow', hint: 'For example 15m, 8h or 30d. Empty: never.' }),
        field('Algorithm', this.#alg)),
      this.#secret.element, this.#fault,
      make('div', { class: 'row' }, make('button', { type: 'submit', class: 'button button-main' }, 'Make token')));
    form.oninput = ({ target }) => target.removeAttribute('aria-invalid');
    this.append(form);
  }

  async #submit(event) {
    event.preventDefault();
    this.#say('');
    try {
      const claims = this.#claims(Math.floor(Date.now() / 1000));
      const secret = this.#secretText();
      const token = await signToken(crypto.subtle, { claims, alg: this.#alg.value, secret });
      this.dispatchEvent(new CustomEvent('token', { detail: { token, secret } }));
    } catch (error) {
      if (!(error instanceof Complaint)) throw error;
      this.#say(error.message);
      error.control.setAttribute('aria-invalid', 'true');
      error.control.focus();
    }
  }

  #say(text) {
    this.#fault.hidden = !text;
    setText(this.#fault, text);
    for (const control of this.querySelectorAll('[aria-invalid]')) control.removeAttribute('aria-invalid');
  }

  #secretText() {
    const secret = this.#secret.input.value;
    if (!secret) throw new Complaint(this.#secret.input, 'Enter the secret that the server verifies tokens with.');
    return secret;
  }

  #claims(now) {
    const [read, write, presence] = [this.#read, this.#write, this.#presence].map(patternsOf);
    const admin = rightsOf(this.#admin);
    if (read.length + write.length + admin.length === 0) {
      throw new Complaint(this.#read, 'Enter a topic or pattern that the holder may read or write: the server refuses a token without rights.');
    }
    const sub = this.#sub.value.trim();
    const rlimit = this.#rules(sub);
    const seconds = this.#lifetime();
    return {
      ...(sub && { sub }),
      read,
      write,
      ...(presence.length > 0 && { presence }),
      ...(admin.length > 0 && { admin }),
      ...(rlimit.length > 0 && { rlimit }),
      iat: now,
      ...(seconds !== null && { exp: now + seconds }),
    };
  }

  #rules(sub) {
    const { fault, rules } = parseRules(this.#rlimit.value.split('\n').filter((line) => line.trim()), parseDuration);
    if (fault) throw new Complaint(this.#rlimit, `Correct the limit: ${fault}.`);
    if (rules.length > 0 && !sub) {
      throw new Complaint(this.#sub, 'Enter a holder: limits count by holder, and do not apply without one.');
    }
    return rules;
  }

  /** In seconds; null: the token never expires. */
  #lifetime() {
    if (!this.#expiry.value.trim()) return null;
    const ms = parseDuration(this.#expiry.value);
    if (!(ms >= 1000)) throw new Complaint(this.#expiry, 'Enter a time such as 15m, 8h or 30d, or nothing for a token that never expires.');
    return Math.floor(ms / 1000);
  }
}

/** The entries of a list; throws a Complaint about the first that is not a topic or pattern. */
function patternsOf(control) {
  const entries = words(control.value);
  const wrong = entries.find((entry) => !isTopicOrPattern(entry));
  if (wrong !== undefined) {
    throw new Complaint(control, `Correct "${wrong}": it must be a topic such as news/today or a pattern such as news/#.`);
  }
  return entries;
}

/** The rights over the whole server; throws a Complaint about the first that does not exist. */
function rightsOf(control) {
  const rights = words(control.value);
  const [wrong] = adminOf(rights).ignored;
  if (wrong !== undefined) {
    throw new Complaint(control, `Correct "${wrong}": it must be ${ADMIN_RIGHTS.slice(0, -1).join(', ')} or ${ADMIN_RIGHTS.at(-1)}.`);
  }
  return rights;
}

customElements.define('token-editor', TokenEditor);
