// One request on a connection of its own, for the tests that are not about HTTP itself.

import { request } from 'node:http';

import { within } from './wait.mjs';

export function httpRequest(server, method, path, headers = {}) {
  const answered = new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: server.port, method, path, headers, agent: false };
    const outgoing = request(options, (incoming) => {
      let body = '';
      incoming.setEncoding('utf8').on('data', (text) => (body += text));
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode, headers: incoming.headers, body }));
      incoming.on('error', reject);
    });
    outgoing.on('error', reject).end();
  });
  return within(answered, `${method} ${path}`);
}

export function httpGet(server, path, headers) {
  return httpRequest(server, 'GET', path, headers);
}
