// One request on its own connection, for tests that are not about HTTP itself.

import { request } from 'node:http';

import { within } from './wait.mjs';

export function httpRequest(server, method, path, headers = {}, body = undefined, encoding = 'utf8') {
  const answered = new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.port, method, path, headers, agent: false };
    const outgoing = request(options, (incoming) => {
      let body = '';
      incoming.setEncoding(encoding).on('data', (text) => (body += text));
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode, headers: incoming.headers, body }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject).end(body);
  });
  return within(answered, `${method} ${path}`);
}

/** Sends a POST; `json` is the parsed body of the answer. */
export async function httpPost(server, path, body, headers) {
  const answer = await httpRequest(server, 'POST', path, headers, body);
  return { ...answer, json: JSON.parse(answer.body) };
}

export function httpGet(server, path, headers) {
  return httpRequest(server, 'GET', path, headers);
}
