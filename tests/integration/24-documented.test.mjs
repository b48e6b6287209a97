// The commands and programs in README.md and docs/ do what the pages say.

import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { loadWhole, openPage, SKIP_BROWSER } from './support/browser.mjs';
import { makeAuthority } from './support/certs.mjs';
import { CTL } from './support/ctl.mjs';
import { documentedFor, ROOT } from './support/documented.mjs';
import { temporaryFiles } from './support/files.mjs';
import { httpPost } from './support/http.mjs';
import { SECRET } from './support/jwt.mjs';
import { Process, runToExit, startServer } from './support/server.mjs';
import { DEADLINE_MS, eventually } from './support/wait.mjs';

// A block of commands starts up to 30 processes, one after the other. On a busy machine it takes long, and
// a shell may stop between any two steps, so the server's own deadlines must not end its connection.
const SHELL_DEADLINE_MS = 10 * DEADLINE_MS;
const PATIENT = { WEBSOCKET_HANDSHAKE_TIMEOUT: '3600', PING_INTERVAL: '3600', BROKER_TIMEOUT: '300' };
const startPatientServer = (t, options) => startServer(t, { ...PATIENT, ...options });

const NOT_PERMITTED = 4; // exit status of eventhubctl
const documented = documentedFor(import.meta.url);
const commandsOf = (text) => text.trimEnd().split('\n');

/** The documented text with the port of the server here instead of 8080, and the programs of this build. */
const at = (text, { port }) => text
  .replaceAll('127.0.0.1:8080', `127.0.0.1:${port}`)
  .replaceAll('build/release/eventhubctl', `'${CTL}'`);

function startShell(server, commands, env = {}) {
  const url = { EVENTHUB_URL: `ws://127.0.0.1:${server.port}` }; // eventhubctl has no port in its commands
  return new Process({ ...url, ...env }, { binary: 'bash', args: ['-ec', `cd '${ROOT}'\n${at(commands, server)}`] });
}

/** Runs commands, which must succeed; resolves to what they print. */
async function runShell(...args) {
  const shell = startShell(...args);
  const { code } = await shell.untilExit(SHELL_DEADLINE_MS);
  assert.equal(code, 0, shell.stderr);
  return shell.stdout;
}

const untilPrinted = (process, what) =>
  process.until(`${what}`, () => what.test(process.stdout), SHELL_DEADLINE_MS);

test('serves the commands of README, Start', async (t) => {
  const server = await startPatientServer(t);
  const [subscribe, ...publishes] = commandsOf(documented('README.md', 'Start'));
  const subscriber = startShell(server, `exec ${subscribe}`);
  await subscriber.until('the subscription', () => /^connected/m.test(subscriber.stderr), SHELL_DEADLINE_MS);
  const [byCtl, byCurl] = publishes;
  await runShell(server, byCtl);
  await untilPrinted(subscriber, /demo\/hello.*Hello, world/);
  assert.match(await runShell(server, byCurl), /"status":"ok"/);
  await untilPrinted(subscriber, /demo\/hello.*Hello from curl/);
  subscriber.signal('SIGINT');
  assert.equal((await subscriber.untilExit(SHELL_DEADLINE_MS)).code, 130);
  assert.equal(publishes.length, 2);
});

test('serves the script of README, From a browser', { skip: SKIP_BROWSER }, async (t) => {
  const server = await startPatientServer(t);
  const page = await openPage(t);
  await loadWhole(t, () => page.goto(`http://127.0.0.1:${server.port}/healthz`));
  const lines = [];
  page.on('console', (line) => lines.push(line.text()));
  await page.evaluate(at(documented('README.md', 'From a browser'), server));
  await eventually('the message, as JSON-RPC', () =>
    lines.some((line) => /^\{"id":1,.*"message":"Hello from a browser"/.test(line)));
  await eventually('an event', async () => {
    await httpPost(server, '/demo/hello', 'for an EventSource'); // it may start to listen later
    return lines.includes('for an EventSource');
  });
});

test('serves the program of README, From an application', async (t) => {
  const server = await startPatientServer(t);
  const { directory, write } = temporaryFiles(t);
  symlinkSync(join(ROOT, 'tests/integration/node_modules'), join(directory, 'node_modules'));
  const program = write('application.mjs', at(documented('README.md', 'From an application'), server));
  const application = new Process({}, { binary: process.execPath, args: [program] });
  await untilPrinted(application, /^\d+-\d+ demo\/hello Hello from Node$/m);
  application.signal('SIGTERM');
  await application.untilExit();
});

test('accepts the token of README, Tokens', async (t) => {
  const server = await startPatientServer(t, { DISABLE_AUTH: 'false', JWT_SECRET: SECRET });
  const commands = documented('README.md', 'Tokens');
  assert.match(await runShell(server, commands, { JWT_SECRET: SECRET }), /alice/);
  const wrong = startShell(server, commands, { JWT_SECRET: `not ${SECRET}` });
  assert.equal((await wrong.untilExit(SHELL_DEADLINE_MS)).code, NOT_PERMITTED);
  assert.match(wrong.stderr, /signature/);
});

test('answers the commands of README, Health and metrics', async (t) => {
  const server = await startPatientServer(t);
  const [healthz, readyz, metrics, ...more] = commandsOf(documented('README.md', 'Health and metrics'));
  assert.equal(await runShell(server, healthz), '{"status":"ok"}');
  assert.equal(await runShell(server, readyz), '{"status":"ok"}');
  assert.match(await runShell(server, metrics), /^eventhub_worker_count \d+$/m);
  assert.deepEqual(more, []);
});

test('answers the POST of the protocol page, and sends its event', async (t) => {
  const server = await startPatientServer(t);
  const answer = JSON.parse(await runShell(server, documented('docs/protocol.md', 'Publishing with POST')));
  assert.deepEqual({ ...answer, id: '' }, { action: 'publish', id: '', status: 'ok', topic: 'room/7' });
  const stream = startShell(server, documented('docs/protocol.md', 'Server-sent events'));
  await untilPrinted(stream, new RegExp(`^:ok\n(?:.*\n)*id: ${answer.id}\ndata: Hello\n\n`));
  await server.stop();
  await stream.untilExit(SHELL_DEADLINE_MS);
});

const CONFIGURATIONS = {
  'TLS': documented('docs/operations.md', 'TLS'),
  'a single node with TLS': documented('docs/configuration.md', 'A single node with TLS'),
  'a node of a cluster': documented('docs/configuration.md', 'A node of a cluster'),
  'a public node': documented('docs/configuration.md', 'A public node'),
  'several keys': 'JWT_KEYS_FILE = /etc/eventhub/keys',
};

test('accepts the documented files of options', async (t) => {
  const { directory, write } = temporaryFiles(t);
  const check = (options) => {
    const file = write('eventhub.conf', options.replaceAll('/etc/eventhub', directory));
    return runToExit({}, { args: ['--check-config', `--config=${file}`] });
  };
  for (const [name, options] of Object.entries(CONFIGURATIONS)) {
    assert.match((await check(options)).stderr, /No such file/, name);
  }
  const pair = await (await makeAuthority(t)).issue('DNS:localhost');
  write('fullchain.pem', readFileSync(pair.cert));
  write('privkey.pem', readFileSync(pair.key));
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  for (const name of ['issuer.pem', 'shop.pem']) write(name, publicKey.export({ type: 'spki', format: 'pem' }));
  for (const name of ['jwt-secret', 'redis-password']) write(name, SECRET);
  write('keys', documented('docs/configuration.md', 'Keys of tokens'));
  for (const [name, options] of Object.entries(CONFIGURATIONS)) {
    const { code, stderr } = await check(options);
    assert.equal(code, 0, `${name}: ${stderr}`);
  }
});
