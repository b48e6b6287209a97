// Tokens as the backend of an application makes them, and invalid ones.

import { constants, createHmac, sign } from 'node:crypto';

export const SECRET = 'integration-secret';

function base64url(value) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return Buffer.from(text).toString('base64url');
}

export function signToken(claims, { secret = SECRET, header = {}, hash = 'sha256' } = {}) {
  const signed = `${base64url({ alg: 'HS256', typ: 'JWT', ...header })}.${base64url(claims)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}

/** Signs with RS256 or ES256, by the kind of private key; the header may name another algorithm. */
export function signTokenWith(key, claims, header = {}) {
  const alg = key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';
  const signed = `${base64url({ alg, typ: 'JWT', ...header })}.${base64url(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** Signs with any algorithm that has a private key, which must fit it. */
export function signTokenAs(alg, key, claims, header = {}) {
  const signed = `${base64url({ alg, typ: 'JWT', ...header })}.${base64url(claims)}`;
  const hash = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
  const way = alg.startsWith('PS') ? pss : {};
  const signature = sign(hash, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363', ...way });
  return `${signed}.${signature.toString('base64url')}`;
}

export function unsignedToken(claims) {
  return `${base64url({ alg: 'none', typ: 'JWT' })}.${base64url(claims)}.`;
}

export function secondsFromNow(seconds) {
  return Math.floor(Date.now() / 1000) + seconds;
}
