// The programs, pages and configurations in examples/, started as their pages say.

import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { loadWhole, openPage, SKIP_BROWSER } from './support/browser.mjs';
import { LOOPBACK, makeAuthority } from './support/certs.mjs';
import { defer } from './support/cleanup.mjs';
import { documentedFor, ROOT } from './support/documented.mjs';
import { temporaryFiles } from './support/files.mjs';
import { httpGet, httpPost } from './support/http.mjs';
import { runSession } from './support/jsclient.mjs';
import { SECRET, signToken } from './support/jwt.mjs';
import { NGINX, startNginx } from './support/nginx.mjs';
import { freePort } from './support/port.mjs';
import { startProxy } from './support/proxy.mjs';
import { Process, startServer } from './support/server.mjs';
import { httpsGet, openTls } from './support/tls.mjs';
import { eventually, SANITIZED, within } from './support/wait.mjs';

const documented = documentedFor(import.meta.url);
// The commands of a page, one per line.
const documentedLines = (file, heading) => documented(file, heading).trimEnd().split('\n');
const SKIP = SANITIZED && 'the server does nothing here that other tests do not do with every build';
const PAGE_DEADLINE_MS = 60_000; // commands of several processes on a busy machine
const LIFETIME_S = '4'; // of a token: pages must renew it several times

/** A copy of the examples with what `npm install` adds, whose commands can use other ports. */
function copyExamples(t, ports) {
  const { directory } = temporaryFiles(t);
  cpSync(join(ROOT, 'examples'), directory, { recursive: true });
  symlinkSync(join(ROOT, 'tests/integration/node_modules'), join(directory, 'node_modules'));
  const at = (text) => ports.reduce((all, [there, here]) => all.replaceAll(there, here), text);
  return {
    read: (file) => readFileSync(join(directory, file), 'utf8'),
    edit(file, ...changes) {
      const path = join(directory, file);
      const text = changes.reduce((all, [before, after]) => {
        assert.ok(all.includes(before), `${before} in ${file}`);
        return all.replace(before, after);
      }, readFileSync(path, 'utf8'));
      writeFileSync(path, text);
    },
    start(folder, command, env = {}) {
      const script = `cd '${join(directory, folder)}'\n${at(command)}`;
      const process = new Process({ PYTHONUNBUFFERED: '1', ...env }, { binary: 'bash', args: ['-ec', script] });
      return process;
    },
  };
}

async function run(examples, ...args) {
  const process = examples.start(...args);
  const { code } = await process.untilExit(PAGE_DEADLINE_MS);
  return { code, stdout: process.stdout, stderr: process.stderr };
}

/** Starts a program that runs until the test is over. */
function startProgram(t, examples, folder, command, env) {
  const [, variables, program] = /^((?:\w+=(?:'[^']*'|\S+) )*)(.*)$/.exec(command);
  const process = examples.start(folder, `${variables && `export ${variables}; `}exec ${program}`, env);
  defer(t, async () => {
    if (!process.exit) process.signal('SIGKILL');
    await process.untilExit();
  });
  return process;
}

const claimsIn = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
const linesOf = (page) => page.locator('#messages li').allTextContents();
const untilLines = (page, expected) => eventually(`the lines ${expected}`, async () => {
  const lines = await linesOf(page);
  return lines.length >= expected.length && lines.join('|') === expected.join('|');
}).catch(async (error) => assert.deepEqual(await linesOf(page), expected, error.message));

test('uses the packages that the other tests use', () => {
  const read = (file) => JSON.parse(readFileSync(join(ROOT, file)));
  const tested = read('tests/integration/package.json').devDependencies;
  for (const [name, version] of Object.entries(read('examples/package.json').dependencies)) {
    assert.equal(version, tested[name], name);
  }
});

test('are short enough to read', () => {
  const IS_CODE = /\.(mjs|html|py|sh|yml|conf)$/;
  const IS_NO_CODE_LINE = /^\s*(\/\/|\/\*\*|\*|#|<!--|"""|$)/;
  const folders = readdirSync(join(ROOT, 'examples'), { withFileTypes: true }).filter((each) => each.isDirectory() && each.name !== 'node_modules');
  for (const { name } of folders) {
    const folder = join(ROOT, 'examples', name);
    const files = readdirSync(folder).filter((file) => IS_CODE.test(file));
    const lines = files.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'));
    const count = lines.filter((line) => !IS_NO_CODE_LINE.test(line)).length;
    assert.ok(count > 0 && count <= 100, `${name}: ${count} lines`);
  }
});

test('the examples', { skip: SKIP || SKIP_BROWSER }, async (t) => {
  const options = { DISABLE_AUTH: 'false', JWT_SECRET: SECRET, LISTEN_PORT: String(await freePort()), SHUTDOWN_TIMEOUT: '1' };
  const server = await startServer(t, options);
  const clients = await startProxy(t, server.port); // of the chat and of the notifications
  const [webPort, nodePort, pythonPort] = [await freePort(), await freePort(), await freePort()];
  const examples = copyExamples(t, [
    ["'a secret of at least 32 random bytes'", `'${SECRET}'`], ['PORT=8002', `PORT=${pythonPort}`],
    ['8000', webPort], ['8001', nodePort], ['8002', pythonPort], ['8080', server.port],
  ].map(([there, here]) => [there, String(here)]));
  const publisher = {
    EVENTHUB_URL: `http://127.0.0.1:${server.port}`,
    EVENTHUB_TOKEN: signToken({ sub: 'shop', write: ['users/+/notifications', 'sensors/#'] }),
  };
  const [withCurl, withPython] = documentedLines('examples/publish/README.md', 'Publishing from a backend');
  const publish = async (command) => {
    const { code, stdout, stderr } = await run(examples, 'publish', command, publisher);
    assert.equal(code, 0, stderr);
    return /\d+-\d+/.exec(stdout)[0];
  };
  const publishAs = async (command) => { // a documented command, with the token that the server here wants
    const token = `-H 'Authorization: Bearer ${publisher.EVENTHUB_TOKEN}'`;
    const { code, stderr } = await run(examples, '.', command.replace('curl', `curl -sS --fail-with-body ${token}`));
    assert.equal(code, 0, stderr);
  };
  const publishFigure = (key, value) => publish(`python3 publish.py sensors/kitchen ${key} ${value}`);
  const notify = (key) => publish(`./publish.sh users/alice/notifications ${key} '${key}'`);

  const [node, python, ...requests] = documentedLines('examples/tokens/README.md', 'Tokens from a backend');
  const pages = { PAGES: `http://127.0.0.1:${webPort}`, LIFETIME_S };
  const backends = [
    startProgram(t, examples, 'tokens', node, { ...pages, PORT: String(nodePort) }),
    startProgram(t, examples, 'tokens', python, pages),
  ];
  for (const each of backends) await each.until('the backend', () => each.stdout.startsWith('tokens on port'));

  await t.test('give tokens with narrow rights, from Node and from Python', async () => {
    const claims = [];
    for (const request of requests) {
      const { stdout } = await run(examples, 'tokens', request);
      const { token, expires_in: seconds } = JSON.parse(stdout);
      assert.equal(seconds, Number(LIFETIME_S));
      const { exp, ...rest } = claimsIn(token);
      assert.ok(Math.abs(exp - seconds - Date.now() / 1000) < 60);
      claims.push(rest);
    }
    assert.deepEqual(claims[0], claims[1]);
    assert.deepEqual(claims[0].read, ['rooms/lobby', 'users/alice/#', 'sensors/#']);
    for (const port of [nodePort, pythonPort]) {
      for (const query of ['', '?user=', '?user=%2B', '?user=%23', '?user=a%2Fb', '?user=a%0A', '?user=Al%20ice']) {
        assert.equal((await httpGet({ port }, `/token${query}`)).status, 401, query);
      }
      assert.equal((await httpGet({ port }, '/other?user=alice')).status, 404);
      const { headers } = await httpGet({ port }, '/token?user=alice');
      assert.equal(headers['access-control-allow-origin'], pages.PAGES);
      assert.equal(headers['cache-control'], 'no-store');
    }
  });

  await t.test('publish once however often they publish, and say why they may not', async () => {
    for (const command of [withCurl, withPython]) {
      assert.equal(await publish(command), await publish(command));
      const refused = await run(examples, 'publish', command, { ...publisher, EVENTHUB_TOKEN: 'x' });
      assert.notEqual(refused.code, 0);
      assert.match(refused.stdout + refused.stderr, /401/);
    }
  });

  await t.test('say in a line what is missing or wrong', async () => {
    const cases = [
      ['tokens', 'node server.mjs', /^set JWT_SECRET to the secret of the Eventhub server\n$/],
      ['tokens', 'python3 server.py', /^set JWT_SECRET to the secret of the Eventhub server\n$/],
      ['notifications', 'node notifications.mjs', /^usage: node notifications\.mjs USER\n$/],
      ['publish', `./publish.sh 'a b' key message`, /^not a valid topic: a b\n$/],
      ['publish', `python3 publish.py 'a b' key message`, /^a b: 40\d: .*\n$/],
    ];
    for (const [folder, command, why] of cases) {
      const { code, stderr } = await run(examples, folder, command, publisher);
      assert.notEqual(code, 0);
      assert.match(stderr, why);
    }
  });

  await t.test('publish again, with the same key, when the server is away', async (t) => {
    const urls = { curl: [], python: [] };
    const away = createServer((request, response) => {
      const seen = urls[/curl/.test(request.headers['user-agent']) ? 'curl' : 'python'];
      seen.push(request.url);
      request.resume().on('end', () => {
        response.writeHead(seen.length === 1 ? 503 : 200);
        response.end(seen.length === 1 ? '{"error":"outcome unknown"}' : '{"id":"1-0"}');
      });
    });
    await new Promise((resolve) => away.listen(0, '127.0.0.1', resolve));
    defer(t, () => away.close());
    const there = { ...publisher, EVENTHUB_URL: `http://127.0.0.1:${away.address().port}` };
    const results = await Promise.all([withCurl, withPython].map((command) => run(examples, 'publish', command, there)));
    for (const { code, stderr } of results) assert.equal(code, 0, stderr);
    const topic = '/users/alice/notifications';
    assert.deepEqual(urls, {
      curl: Array(2).fill(`${topic}?key=order-1043-paid`),
      python: Array(2).fill(`${topic}?key=order-1043-shipped`),
    });
  });

  await t.test('deny a page of another user', async () => {
    const { stdout } = await run(examples, 'tokens', `curl -sS 'http://127.0.0.1:8001/token?user=bob'`);
    const headers = { Authorization: `Bearer ${JSON.parse(stdout).token}`, Accept: 'text/event-stream' };
    assert.equal((await httpGet(server, '/users/alice/notifications', headers)).status, 403);
    assert.equal((await httpPost(server, '/sensors/kitchen', '1', headers)).status, 403);
  });

  const [serve] = documentedLines('examples/README.md', 'Examples').slice(-1);
  const web = startProgram(t, examples, '.', serve);
  await eventually('the web server', () => httpGet({ port: webPort }, '/chat/').then(() => true, () => false));
  const tokensFrom = (port) => ['name="tokens" content=""', `name="tokens" content="http://127.0.0.1:${port}/token"`];
  examples.edit('chat/index.html', tokensFrom(nodePort), [':8080', `:${clients.port}`]);
  examples.edit('dashboard/index.html', tokensFrom(pythonPort), [':8080', `:${server.port}`]);
  const alice = await openPage(t);
  const faults = [];
  const open = async (page, path) => {
    page.on('pageerror', (error) => faults.push(`${path}: ${error.message}`));
    await loadWhole(t, () => page.goto(`http://127.0.0.1:${webPort}/${path}`));
    return page;
  };
  const another = async (path) => open(await alice.context().browser().newPage(), path);
  const say = async (page, text) => {
    await page.locator('#text').fill(text);
    await page.locator('#text').press('Enter');
  };
  const row = (page) => page.evaluate(() => {
    const [found] = document.getElementById('rows').rows;
    return found && { name: found.cells[0].textContent, value: found.cells[1].textContent, stale: found.className };
  });
  const untilRow = (page, value, stale = '') => eventually(`the figure ${value}`, async () => {
    const now = await row(page);
    return now?.value === value && now.stale === stale;
  });

  await open(alice, 'chat/?user=alice');
  const bob = await another('chat/?user=bob');
  const figures = ['22.5', '21.0']; // the last one that the page about the dashboard publishes, and another
  const [publishFigures] = documentedLines('examples/dashboard/README.md', 'Dashboard');
  const expected = [];

  await t.test('show what was published before, and messages as they come', async () => {
    await publishAs(publishFigures);
    await say(alice, '<b>hello</b>');
    expected.push('alice: <b>hello</b>');
    for (const page of [alice, bob]) await untilLines(page, expected);
    await alice.locator('#state', { hasText: /^connected$/ }).waitFor(); // its token may just have expired
  });
  const dashboard = await another('dashboard/?user=carol');
  await untilRow(dashboard, figures[0]);
  await publishFigure('live', figures[1]);
  await untilRow(dashboard, figures[1]);

  const env = {
    EVENTHUB_URL: `ws://127.0.0.1:${clients.port}`,
    EVENTHUB_TOKEN: signToken({ sub: 'alice', read: ['users/alice/#'] }),
  };
  const [listen, ...posts] = documentedLines('examples/notifications/README.md', 'Notifications');
  const untilPrinted = (program, ...lines) => program.until(`the lines ${lines}`, () =>
    program.stdout === lines.map((line) => `${line}\n`).join(''));
  const ORDER = ['Your order was paid', 'Your order was shipped'];
  let program = startProgram(t, examples, 'notifications', listen, env);
  await program.until('the subscription', () => /waiting for/.test(program.stderr));

  await t.test('catch up after the network was away', async () => {
    for (const post of posts) await publishAs(post);
    await untilPrinted(program, ...ORDER);
    clients.cut();
    await bob.locator('#state', { hasText: 'trying again' }).waitFor();
    const second = await notify('two');
    await say(bob, 'sent while I was away');
    await bob.locator('.unsent').waitFor();
    clients.restore();
    expected.push('bob: sent while I was away');
    for (const page of [alice, bob]) await untilLines(page, expected);
    await untilPrinted(program, ...ORDER, 'two');
    await eventually('the position is written', () => examples.read('notifications/position-of-alice') === `${second}\n`);
  });

  await t.test('continue where the program ended', async () => {
    program.signal('SIGKILL');
    await program.untilExit();
    await notify('three');
    await notify('four');
    program = startProgram(t, examples, 'notifications', listen, env);
    await untilPrinted(program, 'three', 'four');
  });

  await t.test('say that messages are missing when the log is lost, and continue', async () => {
    await server.stop();
    await startServer(t, options);
    const missing = 'Some messages are missing here.';
    expected.push(missing);
    for (const page of [alice, bob]) await untilLines(page, expected);
    await untilRow(dashboard, figures[1], 'stale');
    const LOST = 'Some notifications are missing: this is the place to load them from your database.';
    await untilPrinted(program, 'three', 'four', LOST);
    await say(alice, 'still here');
    await publishFigure('after', '23.0');
    await notify('five');
    expected.push('alice: still here');
    for (const page of [alice, bob]) await untilLines(page, expected);
    await untilRow(dashboard, '23.0');
    await untilPrinted(program, 'three', 'four', LOST, 'five');
  });

  assert.deepEqual(faults, []);
  assert.equal(web.exit, null);
});

const withoutNginx = !process.env.CI && !existsSync(NGINX) && `${NGINX} is missing`;
test('the nginx of the compose file serves clients', { skip: SKIP || withoutNginx }, async (t) => {
  const authority = await makeAuthority(t);
  const pair = await authority.issue(LOOPBACK);
  const server = await startServer(t, { TRUSTED_PROXIES: '127.0.0.1', METRICS_LISTEN_PORT: String(await freePort()) }, { ready: false });
  const front = await freePort();
  const config = [['eventhub:8080', `127.0.0.1:${server.port}`], ['listen 443', `listen 127.0.0.1:${front}`],
    ['/etc/nginx/certs/cert.pem', pair.cert], ['/etc/nginx/certs/key.pem', pair.key]]
    .reduce((text, [there, here]) => text.replace(there, here), readFileSync(join(ROOT, 'examples/compose/nginx.conf'), 'utf8'));
  const nginx = startNginx(join(authority.dir, 'nginx.conf'), config, authority.dir);
  const gone = new Promise((resolve) => nginx.on('close', resolve));
  defer(t, async () => {
    nginx.kill('SIGTERM');
    await within(gone, 'end of nginx');
  });
  const proxy = { tlsPort: front, ca: authority.pem };
  await eventually('nginx answers', () => httpsGet(proxy, '/nowhere').then(({ status }) => status === 404, () => false));

  assert.equal((await runSession(proxy, authority)).message, 'over TLS');
  const stream = await openTls(t, proxy);
  stream.socket.write('GET /streamed HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n');
  await stream.untilReceived(/:ok/);
  await httpPost(server, '/streamed', 'as it comes');
  await stream.untilReceived(/data: ?as it comes/);
  for (const path of ['/metrics', '/healthz', '/readyz']) assert.equal((await httpsGet(proxy, path)).status, 404, path);

  await server.stop();
  const accept = { Accept: 'text/event-stream' };
  const away = await eventually('streams are told to come back', async () => {
    const answer = await httpsGet(proxy, '/streamed', accept);
    return answer.status === 200 && answer;
  });
  assert.equal(away.body, 'retry: 5000\n\n');
  assert.equal((await httpsGet(proxy, '/other')).status, 502);
});
