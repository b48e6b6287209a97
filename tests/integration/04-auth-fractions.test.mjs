// The life of connections whose tokens have fractions of a second in exp and nbf.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SECRET, signToken } from './support/jwt.mjs';
import { errorOf, openClient } from './support/rpc.mjs';
import { startServer } from './support/server.mjs';
import { openStream } from './support/sse.mjs';
import { eventually, SANITIZED, watchDelays } from './support/wait.mjs';

const WITH_AUTH = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET, PING_INTERVAL: '3600' };
const ALL = { read: ['#'], write: ['#'] };
const LIFE_S = SANITIZED ? 8 : 4; // enough to open and renew all connections
const LATE_MS = SANITIZED ? 5000 : 400; // less than the fraction that a whole second would cut off
const delayMs = watchDelays();

/** A time with this fraction, at least `seconds` from now; as the text of a JSON number. */
function timeWith(fraction, seconds = LIFE_S) {
  return `${Math.floor(Date.now() / 1000) + seconds}${fraction}`;
}

/** The claims as text: JSON.stringify would write other numbers. */
function tokenUntil(exp) {
  return signToken(JSON.stringify(ALL).replace(/\}$/, `,"exp":${exp}}`));
}

function openUntil(t, server, exp) {
  return openClient(t, server, { headers: { Authorization: `Bearer ${tokenUntil(exp)}` } });
}

function assertEndedAt(exp) {
  const late = Date.now() - Number(exp) * 1000;
  assert.ok(late >= -1 && late < LATE_MS + delayMs(), `ended ${late} ms after exp ${exp}`);
}

async function assertClosedAt(client, exp) {
  assert.deepEqual(await client.untilClosed(), { code: 1008, reason: 'token expired' });
  assertEndedAt(exp);
}

async function assertStreamEndsAt(stream, exp) {
  await stream.untilEnd();
  assertEndedAt(exp);
}

test('exp with a fraction', async (t) => {
  const server = await startServer(t, WITH_AUTH);

  await t.test('closes WebSockets and ends event streams at the fraction', async (t) => {
    const base = timeWith('');
    const times = ['.123456', '.5', '.999', '.250000000001', 'e0'].map((each) => `${base}${each}`);
    const clients = await Promise.all(times.map((exp) => openUntil(t, server, exp)));
    const streams = await Promise.all(times.map((exp) =>
      openStream(t, server, `/a?auth=${tokenUntil(exp)}`)));
    const staying = await openUntil(t, server, '4e9');
    await Promise.all([
      ...clients.map((client, i) => assertClosedAt(client, times[i])),
      ...streams.map((stream, i) => assertStreamEndsAt(stream, times[i])),
    ]);
    await staying.roundTrip();
    await server.untilMetric('all are counted', (now) =>
      now.disconnects_total.token_expired === 2 * times.length);
  });

  await t.test('is replaced by auth', async (t) => {
    const soon = timeWith('.25');
    const later = timeWith('.75');
    const renew = (client, exp) => client.call('auth', { token: tokenUntil(exp) });
    const [witness, renewed, shortened, unlimited, refused] = await Promise.all(
      [soon, soon, '4e9', soon, soon].map((exp) => openUntil(t, server, exp)));
    await renew(renewed, later);
    await renew(shortened, later);
    await unlimited.call('auth', { token: signToken(ALL) });
    const error = await errorOf(renew(refused, timeWith('.5', -1)));
    assert.match(error.data, /the claim exp is in the past/);
    await Promise.all([
      assertClosedAt(witness, soon), assertClosedAt(refused, soon),
      assertClosedAt(renewed, later), assertClosedAt(shortened, later),
    ]);
    await unlimited.roundTrip();
  });
});

test('refuses a token from its exp on and accepts it from its nbf on, to the fraction', async (t) => {
  const server = await startServer(t, WITH_AUTH);
  const at = timeWith('.5', 1);
  const ending = tokenUntil(at);
  const beginning = signToken(JSON.stringify(ALL).replace(/\}$/, `,"nbf":${at}}`));
  const client = await openUntil(t, server, '4e9');
  const isAccepted = (token) => client.call('auth', { token }).then(() => true, () => false);
  // The server looks at its clock between the two times.
  async function check(token, isEnd) {
    const before = Date.now();
    const accepted = await isAccepted(token);
    const after = Date.now();
    if (after < Number(at) * 1000) assert.equal(accepted, isEnd, `${after} is before ${at}`);
    if (before >= Number(at) * 1000) assert.equal(accepted, !isEnd, `${before} is not before ${at}`);
    return accepted !== isEnd;
  }
  await eventually('exp and nbf have passed', async () => {
    const hasEnded = await check(ending, true);
    await client.call('auth', { token: tokenUntil('4e9') }); // or this connection would end
    const hasBegun = await check(beginning, false);
    return hasEnded && hasBegun;
  });
});

test('JWT_LEEWAY', async (t) => {
  const LEEWAY_S = 60;
  const server = await startServer(t, { ...WITH_AUTH, JWT_LEEWAY: `${LEEWAY_S}` });
  const client = await openUntil(t, server, '4e9');

  await t.test('accepts a token after exp and before nbf, but not beyond the leeway', async () => {
    const nbf = (seconds) => signToken({ ...ALL, nbf: Number(timeWith('', seconds)) });
    await client.call('auth', { token: nbf(LEEWAY_S - 1) });
    await client.call('auth', { token: tokenUntil(timeWith('', 30 - LEEWAY_S)) });
    const late = await errorOf(client.call('auth', { token: tokenUntil(timeWith('', -LEEWAY_S - 1)) }));
    assert.match(late.data, /the claim exp is in the past/);
    const early = await errorOf(client.call('auth', { token: nbf(LEEWAY_S + 60) }));
    assert.match(early.data, /the claim nbf is in the future/);
  });

  await t.test('closes the connection when the leeway is over, too', async () => {
    const exp = timeWith('.5', LIFE_S / 2 - LEEWAY_S);
    const closing = await openUntil(t, server, exp);
    const stream = await openStream(t, server, `/a?auth=${tokenUntil(exp)}`);
    const end = `${Number(exp) + LEEWAY_S}`;
    await Promise.all([assertClosedAt(closing, end), assertStreamEndsAt(stream, end)]);
  });
});
