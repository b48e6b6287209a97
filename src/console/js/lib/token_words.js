// What a token says and permits, in words. Nothing here verifies it.

import { clockTime, durationWords, whenWords } from './duration.js';
import { entriesOf } from './jwt.js';
import { covers } from './topic.js';

const KNOWN = ['sub', 'read', 'write', 'presence', 'rlimit', 'exp', 'nbf', 'iat'];

function dateWords(seconds, now) {
  if (typeof seconds !== 'number') return 'not a date';
  return `${whenWords(seconds * 1000, now)} (${clockTime(seconds * 1000)})`;
}

/** A rule of rlimit: "10 messages in 1 second to chat/#". */
function ruleWords({ topic, interval, max }) {
  const messages = max === 1 ? '1 message' : `${max} messages`;
  return `${max === 0 ? 'no message' : `${messages} in ${durationWords(interval * 1000)}`} to ${topic}`;
}

function limits({ rlimit, sub }) {
  if (!Array.isArray(rlimit) || rlimit.length === 0) return [];
  const rules = rlimit.filter((rule) => rule && typeof rule === 'object').map(ruleWords);
  return sub ? rules : [...rules, 'not applied, because the token has no holder (sub)'];
}

/** [name, values] of everything in the token that a person wants to know; `now` is in ms. */
export function tokenFacts({ header, claims }, now) {
  const facts = [['Holder', [claims.sub === undefined ? 'none' : String(claims.sub)]]];
  if (claims.exp === undefined) facts.push(['Expires', ['never']]);
  else facts.push([claims.exp * 1000 <= now ? 'Expired' : 'Expires', [dateWords(claims.exp, now)]]);
  if (claims.nbf !== undefined) facts.push(['Valid from', [dateWords(claims.nbf, now)]]);
  if (claims.iat !== undefined) facts.push(['Made', [dateWords(claims.iat, now)]]);
  for (const [name, label] of [['read', 'May read'], ['write', 'May write'], ['presence', 'May see presence']]) {
    const { valid, ignored } = entriesOf(claims[name]);
    facts.push([label, valid.length > 0 ? valid : ['nothing']]);
    if (ignored.length > 0) facts.push(['Ignored', ignored.map((entry) => JSON.stringify(entry))]);
  }
  if (limits(claims).length > 0) facts.push(['May publish', limits(claims)]);
  facts.push(['Algorithm', [String(header.alg)]]);
  if (header.kid !== undefined) facts.push(['Key', [String(header.kid)]]);
  const others = Object.entries(claims).filter(([name]) => !KNOWN.includes(name));
  if (others.length > 0) facts.push(['Other claims', others.map(([name, value]) => `${name}: ${JSON.stringify(value)}`)]);
  return facts;
}

/** What the token permits with a valid topic or pattern: ["read", "write"] and so on. */
export function rightsTo(topic, claims) {
  return ['read', 'write', 'presence'].filter(
    (right) => entriesOf(claims[right]).valid.some((entry) => covers(entry, topic)),
  );
}
