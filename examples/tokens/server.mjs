// A backend that gives its users tokens for Eventhub: GET /token. Nothing but Node is needed.

import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';

const { JWT_SECRET, PAGES = 'http://127.0.0.1:8000', PORT = 8001, LIFETIME_S = 900 } = process.env;
const USER_NAME = /^[a-z0-9_-]{1,40}$/;

/** Only what this user needs. The name must not contain / + #, or it would give more rights than meant. */
function claimsOf(user) {
  const now = Math.floor(Date.now() / 1000);
  return {
    sub: user,
    read: ['rooms/lobby', `users/${user}/#`, 'sensors/#'],
    write: ['rooms/lobby'],
    rlimit: [{ topic: 'rooms/#', interval: 10, max: 20 }],
    exp: now + Number(LIFETIME_S),
  };
}

function sign(claims) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', JWT_SECRET).update(signed).digest('base64url')}`;
}

/** Replace this with the session of your application: here, everybody is who they say. */
function userOf(url) {
  const user = url.searchParams.get('user') ?? '';
  return USER_NAME.test(user) ? user : null;
}

function answer(request, response) {
  const url = new URL(request.url, 'http://localhost');
  const user = userOf(url);
  const found = request.method === 'GET' && url.pathname === '/token';
  const [status, body] = !found ? [404, { error: 'not found' }]
    : !user ? [401, { error: 'name the user: /token?user=alice' }]
      : [200, { token: sign(claimsOf(user)), expires_in: Number(LIFETIME_S) }];
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'Access-Control-Allow-Origin': PAGES,
  });
  response.end(JSON.stringify(body));
}

if (!JWT_SECRET) {
  console.error('set JWT_SECRET to the secret of the Eventhub server');
  process.exit(1);
}
createServer(answer).listen(PORT, '127.0.0.1', () => console.log(`tokens on port ${PORT}`));
