// Puts the claims and rights of a token into words. Nothing here verifies the token.

import { clockTime, durationWords, whenWords } from './duration.js';
import { adminOf, entriesOf, ruleFault } from './jwt.js';
import { covers } from './topic.js';

const KNOWN = ['sub', 'jti', 'read', 'write', 'presence', 'admin', 'rlimit', 'exp', 'nbf', 'iat'];

function dateWords(seconds, now) {
  if (typeof seconds !== 'number') return 'not a date';
  return `${whenWords(seconds * 1000, now)} (${clockTime(seconds * 1000)})`;
}

/** A value that may be of any kind, as text. An object can have a toString member that is not a function. */
export function plain(value) {
  return typeof value === 'string' ? value : JSON.stringify(value) ?? 'none';
}

/** A rule of rlimit: "10 messages in 1 second to chat/#". */
function ruleWords(rule) {
  if (ruleFault(rule)) return plain(rule);
  const { topic, interval, max } = rule;
  const messages = max === 1 ? '1 message' : `${max} messages`;
  return `${max === 0 ? 'no message' : `${messages} in ${durationWords(interval * 1000)}`} to ${topic}`;
}

function limits({ rlimit, sub }) {
  if (!Array.isArray(rlimit) || rlimit.length === 0) return [];
  const rules = rlimit.map(ruleWords);
  return sub ? rules : [...rules, 'not applied, because the token has no holder (sub)'];
}

function adminFacts({ admin }) {
  if (admin === undefined) return [];
  if (!Array.isArray(admin)) return [['Ignored', [`admin: ${plain(admin)}`]]];
  const { valid, ignored } = adminOf(admin);
  return [['May administer', valid.length > 0 ? valid : ['nothing']],
    ...(ignored.length > 0 ? [['Ignored', ignored.map((right) => JSON.stringify(right))]] : [])];
}

/** [name, values] of everything in the token that a person wants to know; `now` is in ms. */
export function tokenFacts({ header, claims }, now) {
  const facts = [['Holder', [plain(claims.sub)]]];
  if (claims.jti !== undefined) facts.push(['Token id', [plain(claims.jti)]]);
  const isOver = typeof claims.exp === 'number' && claims.exp * 1000 <= now;
  if (claims.exp === undefined) facts.push(['Expires', ['never']]);
  else facts.push([isOver ? 'Expired' : 'Expires', [dateWords(claims.exp, now)]]);
  if (claims.nbf !== undefined) facts.push(['Valid from', [dateWords(claims.nbf, now)]]);
  if (claims.iat !== undefined) facts.push(['Made', [dateWords(claims.iat, now)]]);
  for (const [name, label] of [['read', 'May read'], ['write', 'May write'], ['presence', 'May see presence']]) {
    const { valid, ignored } = entriesOf(claims[name]);
    facts.push([label, valid.length > 0 ? valid : ['nothing']]);
    if (ignored.length > 0) facts.push(['Ignored', ignored.map((entry) => JSON.stringify(entry))]);
  }
  facts.push(...adminFacts(claims));
  if (limits(claims).length > 0) facts.push(['May publish', limits(claims)]);
  facts.push(['Algorithm', [plain(header.alg)]]);
  if (header.kid !== undefined) facts.push(['Key', [plain(header.kid)]]);
  const others = Object.entries(claims).filter(([name]) => !KNOWN.includes(name));
  if (others.length > 0) facts.push(['Other claims', others.map(([name, value]) => `${name}: ${JSON.stringify(value)}`)]);
  return facts;
}

/** The rights that the token gives for a valid topic or pattern: ["read", "write"] and so on. */
export function rightsTo(topic, claims) {
  return ['read', 'write', 'presence'].filter(
    (right) => entriesOf(claims[right]).valid.some((entry) => covers(entry, topic)),
  );
}
