// Tokens (docs/protocol.md, section 5): made and verified with WebCrypto, and read without a key.
//
// `subtle` is the browser's crypto.subtle, which exists only in a secure context (https or localhost).
// Secrets are parameters: nothing here keeps, prints or sends them, and no fault contains them.

import { isTopicOrPattern } from './topic.js';

/** The hash of each algorithm that signs with a secret. */
export const HASHES = { HS256: 'SHA-256', HS384: 'SHA-384', HS512: 'SHA-512' };

const PUBLIC = /^((RS|PS|ES)(256|384|512)|EdDSA)$/; // which sign with a private key

const TOKEN_MAX = 65536;
const SUB_MAX_BYTES = 256;
const RULES_MAX = 64;
const INTERVAL_MAX = 31536000;
const COUNT_MAX = 2 ** 53;

const utf8 = new TextEncoder();

export function encodeBase64url(bytes) {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** The bytes; null unless the text is base64url without padding, in its only spelling. */
export function decodeBase64url(text) {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return null;
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
  return encodeBase64url(bytes) === text ? bytes : null;
}

function hmacKey(subtle, alg, secret, use) {
  const algorithm = { name: 'HMAC', hash: HASHES[alg] };
  return subtle.importKey('raw', utf8.encode(secret), algorithm, false, [use]);
}

/** Signs the claims with a secret that is not empty. */
export async function signToken(subtle, { claims, alg, secret }) {
  const part = (value) => encodeBase64url(utf8.encode(JSON.stringify(value)));
  const signed = `${part({ alg, typ: 'JWT' })}.${part(claims)}`;
  const key = await hmacKey(subtle, alg, secret, 'sign');
  const signature = await subtle.sign('HMAC', key, utf8.encode(signed));
  return `${signed}.${encodeBase64url(new Uint8Array(signature))}`;
}

/** Reports whether the secret, which is not empty, made the signature of a token read by readToken. */
export async function verifyToken(subtle, token, secret) {
  const key = await hmacKey(subtle, token.header.alg, secret, 'verify');
  return subtle.verify('HMAC', key, token.signature, utf8.encode(token.signed));
}

/** The token in a text, without what people copy along with it. */
export function cleanToken(text) {
  return text.replace(/^\s*bearer\s/i, '').replace(/\s+/g, '');
}

function readObject(part) {
  const bytes = decodeBase64url(part);
  if (!bytes) return { fault: 'must be base64url without padding' };
  try {
    const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (value && typeof value === 'object' && !Array.isArray(value)) return { value };
  } catch {
    // neither UTF-8 nor JSON: it is not an object
  }
  return { fault: 'is not a JSON object' };
}

/**
 * Takes a token apart: { header, claims, signature, signed }, or { fault } if it is not a token.
 * tokenFault and verifyToken say whether the server would accept it.
 */
export function readToken(text) {
  if (text === '') return { fault: 'there is no token' };
  if (text.length > TOKEN_MAX) return { fault: `the token is longer than ${TOKEN_MAX} bytes` };
  const parts = text.split('.');
  if (parts.length !== 3) return { fault: 'the token must have three parts with dots between them' };
  const header = readObject(parts[0]);
  if (header.fault) return { fault: `the token's header ${header.fault}` };
  const payload = readObject(parts[1]);
  if (payload.fault) return { fault: `the token's payload ${payload.fault}` };
  const signature = decodeBase64url(parts[2]);
  if (!signature) return { fault: "the token's signature must be base64url without padding" };
  return { header: header.value, claims: payload.value, signature, signed: `${parts[0]}.${parts[1]}` };
}

/** Reports whether tokens with this algorithm are signed with a secret. */
export function usesSecret(alg) {
  return typeof alg === 'string' && Object.hasOwn(HASHES, alg);
}

/** Reports whether a server can be configured to accept tokens with this algorithm. */
export function isSupported(alg) {
  return usesSecret(alg) || (typeof alg === 'string' && PUBLIC.test(alg));
}

function headerFault({ typ, kid, crit }) {
  const isOurs = typ === undefined || (typeof typ === 'string' && /^(application\/)?(jwt|at\+jwt)$/i.test(typ));
  if (!isOurs) return "the token's typ must be JWT or at+jwt";
  if (kid !== undefined && typeof kid !== 'string') return "the token's kid must be a string";
  if (crit !== undefined) {
    return 'the token needs an extension, and the server supports none (crit)';
  }
  return null;
}

function isInteger(value, least, most) {
  return Number.isInteger(value) && value >= least && value <= most;
}

/** Says what is wrong with a rule of the claim rlimit; null if it is valid. */
export function ruleFault(rule) {
  if (!rule || typeof rule !== 'object' || Array.isArray(rule)) {
    return 'a rule of the claim rlimit must be an object';
  }
  if (typeof rule.topic !== 'string' || !isTopicOrPattern(rule.topic)) {
    return 'the topic of a rule of the claim rlimit must be a valid topic or pattern';
  }
  if (!isInteger(rule.interval, 1, INTERVAL_MAX)) {
    return `the interval of a rule of the claim rlimit must be an integer from 1 to ${INTERVAL_MAX}`;
  }
  if (!isInteger(rule.max, 0, COUNT_MAX)) {
    return `the max of a rule of the claim rlimit must be an integer from 0 to ${COUNT_MAX}`;
  }
  return null;
}

function rlimitFault(rules) {
  if (rules === undefined || rules === null) return null;
  if (!Array.isArray(rules)) return 'the claim rlimit must be an array';
  if (rules.length > RULES_MAX) return `the claim rlimit must not have more than ${RULES_MAX} rules`;
  return rules.map(ruleFault).find((fault) => fault) ?? null;
}

function typesFault({ exp, nbf, sub, ...claims }) {
  if (exp !== undefined && typeof exp !== 'number') {
    return 'the claim exp must be a number of seconds since the epoch';
  }
  if (nbf !== undefined && typeof nbf !== 'number') {
    return 'the claim nbf must be a number of seconds since the epoch';
  }
  if (sub !== undefined && typeof sub !== 'string') return 'the claim sub must be a string';
  if (utf8.encode(sub).length > SUB_MAX_BYTES) {
    return `the claim sub is longer than ${SUB_MAX_BYTES} bytes`;
  }
  for (const name of ['read', 'write', 'presence']) {
    if (claims[name] !== undefined && !Array.isArray(claims[name])) {
      return `the claim ${name} must be an array`;
    }
  }
  return rlimitFault(claims.rlimit);
}

/** The rights over the whole server that the claim admin may list, for the control API. */
export const ADMIN_RIGHTS = ['clients', 'publish', 'log', 'tokens'];

/** The entries of the claim admin. The server ignores it if it is not an array. */
export function adminOf(claim) {
  const list = Array.isArray(claim) ? claim : [];
  const isRight = (entry) => ADMIN_RIGHTS.includes(entry);
  return { valid: list.filter(isRight), ignored: list.filter((entry) => !isRight(entry)) };
}

/** The valid entries of a list of topics and patterns, and the others, which the server ignores. */
export function entriesOf(list) {
  const isValid = (entry) => typeof entry === 'string' && isTopicOrPattern(entry);
  const all = Array.isArray(list) ? list : [];
  return { valid: all.filter(isValid), ignored: all.filter((entry) => !isValid(entry)) };
}

/**
 * The reason for which a server would refuse the token at the time `now` (ms since the epoch) even if
 * the signature is right, in the server's words; null if it would not. The audience and issuer that a
 * server may require are not known here.
 */
export function tokenFault({ header, claims }, now) {
  const fault = headerFault(header) ?? typesFault(claims);
  if (fault) return fault;
  if (claims.exp !== undefined && claims.exp * 1000 <= now) {
    return 'the token has expired: the claim exp is in the past';
  }
  if (claims.nbf !== undefined && claims.nbf * 1000 > now) {
    return 'the token is not valid yet: the claim nbf is in the future';
  }
  const lists = [entriesOf(claims.read), entriesOf(claims.write), adminOf(claims.admin)];
  if (lists.every(({ valid }) => valid.length === 0)) {
    return 'the claims read and write have no valid topic or pattern: the token grants no rights';
  }
  return null;
}

/** Reads rules as eventhubctl takes them, "chat/#=10/1s": { rules } or { fault }. */
export function parseRules(lines, parseDuration) {
  const rules = [];
  for (const line of lines) {
    const [, topic, max, interval] = /^\s*(\S+?)\s*=\s*(\d+)\s*\/\s*(\S+)\s*$/.exec(line) ?? [];
    if (topic === undefined) return { fault: `"${line}" must look like chat/#=10/1s` };
    const rule = { topic, interval: parseDuration(interval) / 1000, max: Number(max) };
    const fault = ruleFault(rule);
    if (fault) return { fault };
    rules.push(rule);
  }
  return rules.length > RULES_MAX ? { fault: rlimitFault(rules) } : { rules };
}
