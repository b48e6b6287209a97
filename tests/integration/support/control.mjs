// Requests to the control API. Each answer is checked against docs/control.openapi.json.

import assert from 'node:assert/strict';

import { httpRequest } from './http.mjs';
import { SECRET, signToken } from './jwt.mjs';
import { assertDocumented, operationOf } from './openapi.mjs';

export const OPTIONS = { ENABLE_API: 'true', DISABLE_AUTH: 'false', JWT_SECRET: SECRET };
export const RIGHTS = ['clients', 'publish', 'log', 'tokens'];
export const ADMIN = signToken({ sub: 'backend', admin: RIGHTS });

/** Sends a request with a token (null: none); the answer must be as documented. */
export async function api(server, method, path, body, { token = ADMIN, headers = {} } = {}) {
  const fields = { ...(token !== null && { Authorization: `Bearer ${token}` }), ...headers };
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await httpRequest(server, method, path, fields, text);
  const parsed = { ...answer, json: JSON.parse(answer.body) };
  const documented = operationOf(method, path.split('?')[0]);
  if (documented) assertDocumented(...documented, parsed);
  else assert.deepEqual(Object.keys(parsed.json), ['error']);
  return parsed;
}
