// RFC 9112 sections 2, 3 and 5: lines, the request line, the target, Host, fields.

import { test } from 'node:test';

import { startStill } from './support/servers.mjs';
import { ends, goesOn, runHttpTable } from './support/tables.mjs';

const get = (target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
const withHost = (value) => `GET /healthz HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
const withField = (line) => `GET /healthz HTTP/1.1\r\nHost: x\r\n${line}\r\n\r\n`;
const OK = get('/healthz');
const LIMIT = 4096; // MAX_HEADER_SIZE

/** A head of `size` bytes, filled up by a field. */
function headOf(size) {
  const head = withField('A: ');
  return head.replace('A: ', `A: ${'a'.repeat(size - head.length)}`);
}

const lines = [
  ['rfc9112 2.2', 'accepts lines that end with CR LF', OK, goesOn(200)],
  ['rfc9112 2.2', 'refuses a bare LF after the request line', OK.replace('\r', ''), ends(400)],
  ['rfc9112 2.2', 'refuses bare LFs throughout', OK.replaceAll('\r', ''), ends(400)],
  ['rfc9112 2.2', 'refuses a bare LF after a field', withField('A: b\nC: d'), ends(400)],
  ['rfc9112 2.2', 'refuses a bare LF in place of the empty line',
    'GET /healthz HTTP/1.1\r\nHost: x\r\n\n', ends(400)],
  ['rfc9112 2.2', 'refuses CR LF LF at the end',
    'GET /healthz HTTP/1.1\r\nHost: x\n\r\n', ends(400)],
  ['rfc9112 2.2', 'refuses a bare CR in the request line', get('/heal\rthz'), ends(400)],
  ['rfc9112 2.2', 'refuses a bare CR in a field', withField('A: b\rC: d'), ends(400)],
  ['rfc9112 2.2', 'refuses CR CR LF', withField('A: b\r'), ends(400)],
  ['rfc9112 2.2', 'refuses a bare CR at the end',
    'GET /healthz HTTP/1.1\r\nHost: x\r\n\rX', ends(400)],
  ['rfc9112 2.2', 'ignores one empty line before a request', `\r\n${OK}`, goesOn(200)],
  ['rfc9112 2.2', 'ignores one empty line between requests', `${OK}\r\n${OK}`, goesOn(200, 200)],
  ['rfc9112 2.2', 'refuses two empty lines before a request', `\r\n\r\n${OK}`, ends(400)],
  ['rfc9112 2.2', 'refuses a bare LF before a request', `\n${OK}`, ends(400)],
  ['rfc9112 2.2', 'refuses white space before a request', ` ${OK}`, ends(400)],
  ['rfc9112 2.2', 'refuses white space before the first field',
    'GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n', ends(400)],
  ['rfc9112 2.2', 'refuses a byte order mark', `\xef\xbb\xbf${OK}`, ends(400)],
  ['rfc9112 2.2', 'refuses NULs', '\0\0\0\0', ends(400)],
  ['rfc9112 2.2', 'refuses a TLS hello at its first byte', '\x16', ends(400)],
  ['rfc9112 2.2', 'refuses an SSH greeting', 'SSH-2.0-OpenSSH_9.2\r\n', ends(400)],
  ['rfc9112 2.2', 'refuses a WebSocket frame at its first byte', '\x81', ends(400)],
  ['rfc9112 2.2', 'answers requests before garbage', `${OK}${OK}\0`, ends(200, 200, 400)],
];

const version = (text) => `GET /healthz ${text}\r\nHost: x\r\n\r\n`;

const versions = [
  ['rfc9112 2.3', 'answers HTTP/1.0 without Host, once',
    'GET /healthz HTTP/1.0\r\n\r\n', ends(200)],
  ['rfc9112 2.3', 'reads HTTP/1.2 as HTTP/1.1',
    version('HTTP/1.2'), goesOn(200)],
  ['rfc9112 2.3', 'reads HTTP/1.9 as HTTP/1.1', version('HTTP/1.9'), goesOn(200)],
  ['rfc9112 2.3', 'refuses a version in lower case', version('http/1.1'), ends(400)],
  ['rfc9112 2.3', 'refuses a minor version of two digits', version('HTTP/1.10'), ends(400)],
  ['rfc9112 2.3', 'refuses a version with a leading zero', version('HTTP/01.1'), ends(400)],
  ['rfc9112 2.3', 'refuses a version without a minor number', version('HTTP/1'), ends(400)],
  ['rfc9112 2.3', 'refuses a comma instead of the dot', version('HTTP/1,1'), ends(400)],
  ['rfc9112 2.3', 'refuses another name of the protocol', version('HTTPS/1.1'), ends(400)],
  ['rfc9112 2.3', 'refuses white space after the version', version('HTTP/1.1 '), ends(400)],
  ['rfc9112 2.3', 'refuses HTTP/0.9', 'GET /healthz\r\n', ends(400)],
  ['rfc9110 15.6.6', 'answers 505 to HTTP/0.9 with its number', version('HTTP/0.9'), ends(505)],
  ['rfc9110 15.6.6', 'answers 505 to HTTP/2.0', version('HTTP/2.0'), ends(505)],
  ['rfc9113 3.4', 'answers 505 to the preface of HTTP/2',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ends(505)],
  ['rfc9112 2.3', 'ignores an offer of h2c',
    withField('Upgrade: h2c\r\nConnection: Upgrade'), goesOn(200)],
];

const requestLine = (line) => `${line}\r\nHost: x\r\n\r\n`;

const requestLines = [
  ['rfc9112 3', 'refuses two spaces before the target',
    requestLine('GET  /healthz HTTP/1.1'), ends(400)],
  ['rfc9112 3', 'refuses two spaces before the version',
    requestLine('GET /healthz  HTTP/1.1'), ends(400)],
  ['rfc9112 3', 'refuses a tab instead of a space', requestLine('GET\t/healthz HTTP/1.1'), ends(400)],
  ['rfc9112 3', 'refuses a vertical tab instead of a space',
    requestLine('GET /healthz\vHTTP/1.1'), ends(400)],
  ['rfc9112 3', 'refuses a space in the target', requestLine('GET /a b HTTP/1.1'), ends(400)],
  ['rfc9112 3', 'refuses a request line without a version',
    requestLine('GET /healthz'), ends(400)],
  ['rfc9112 3', 'refuses a method alone', requestLine('GET'), ends(400)],
  ['rfc9112 3', 'refuses a request line without a target', requestLine('GET HTTP/1.1'), ends(400)],
  ['rfc9112 3.1', 'refuses a method that is not a token',
    requestLine('G@T /healthz HTTP/1.1'), ends(400)],
  ['rfc9112 3.1', 'refuses an empty method', requestLine('/healthz HTTP/1.1'), ends(400)],
  ['rfc9112 3.1', 'answers 405 to get in lower case',
    requestLine('get /healthz HTTP/1.1'), goesOn(405)],
  ['rfc9110 15.5.6', 'answers 405 with Allow to DELETE',
    requestLine('DELETE /healthz HTTP/1.1'), goesOn(405)],
  ['rfc9110 9.1', 'answers 405 to an unknown method',
    requestLine('FETCH /healthz HTTP/1.1'), goesOn(405)],
  ['rfc9110 9.3.8', 'answers 405 to TRACE',
    requestLine('TRACE /nowhere HTTP/1.1'), goesOn(405)],
];

const targets = [
  ['rfc9112 3.2.1', 'accepts a target in origin-form', get('/healthz?a=b/?&c'), goesOn(200)],
  ['rfc9112 3.2.1', 'answers 404 to an unknown path', get('/nowhere'), goesOn(404)],
  ['rfc9112 3.2.1', 'refuses a target without a slash', get('healthz'), ends(400)],
  ['rfc9112 3.2', 'refuses a fragment', get('/healthz#a'), ends(400)],
  ['rfc9112 3.2', 'refuses a control in the target', get('/heal\x01thz'), ends(400)],
  ['rfc9112 3.2', 'refuses DEL in the target', get('/heal\x7fthz'), ends(400)],
  ['rfc9112 3.2', 'refuses bytes above ASCII in the target', get('/h\xc3\xa4'), ends(400)],
  ['rfc9112 3.2.2', 'accepts absolute-form for the same resource', get('http://x/healthz'), goesOn(200)],
  ['rfc9112 3.2.2', 'accepts a query in absolute-form', get('http://x/metrics?format=json'), goesOn(200)],
  ['rfc9112 3.2.2', 'accepts absolute-form with https, a port and any case',
    get('HTTPS://x:8443/healthz'), goesOn(200)],
  ['rfc9112 3.2.2', 'accepts absolute-form with an IPv6 address',
    get('http://[::1]:80/healthz'), goesOn(200)],
  ['rfc9112 3.2.2', 'prefers the host in absolute-form to the Host field',
    get('http://elsewhere/healthz'), goesOn(200)],
  ['rfc9112 3.2.2', 'takes absolute-form without a path as /', get('http://x'), goesOn(404)],
  ['rfc9112 3.2.2', 'takes absolute-form with a query and no path as /',
    get('http://x?a=/healthz'), goesOn(404)],
  ['rfc9112 3.2.2', 'refuses absolute-form without a Host field',
    'GET http://x/healthz HTTP/1.1\r\n\r\n', ends(400)],
  ['rfc9110 4.2.1', 'refuses an empty host in absolute-form', get('http:///healthz'), ends(400)],
  ['rfc9110 4.2.1', 'refuses a port alone in absolute-form',
    get('http://:80/healthz'), ends(400)],
  ['rfc9110 4.2.4', 'refuses a user in absolute-form', get('http://user@x/healthz'), ends(400)],
  ['rfc9112 3.2.2', 'refuses another scheme', get('ftp://x/healthz'), ends(400)],
  ['rfc9112 3.2.2', 'refuses a scheme without //', get('http:/healthz'), ends(400)],
  ['rfc9112 3.2.2', 'refuses a port that is not a number', get('http://x:y/healthz'), ends(400)],
  ['rfc9112 3.2.2', 'refuses a fragment in absolute-form', get('http://x/healthz#a'), ends(400)],
  ['rfc9112 3.2.3', 'refuses authority-form', get('x:80'), ends(400)],
  ['rfc9112 3.2.3', 'refuses CONNECT, since it is not a proxy',
    'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n', ends(400)],
  ['rfc9112 3.2.4', 'answers OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', goesOn(204)],
  ['rfc9112 3.2.4', 'answers OPTIONS * in absolute-form',
    'OPTIONS http://x HTTP/1.1\r\nHost: x\r\n\r\n', goesOn(204)],
  ['rfc9112 3.2.4', 'refuses GET *', get('*'), ends(400)],
  ['rfc9112 3.2.4', 'refuses OPTIONS with more than *',
    'OPTIONS *a HTTP/1.1\r\nHost: x\r\n\r\n', ends(400)],
];

const hosts = [
  ['rfc9112 3.2', 'refuses a request without Host', 'GET /healthz HTTP/1.1\r\n\r\n', ends(400)],
  ['rfc9112 3.2', 'refuses two Hosts', withField('Host: y'), ends(400)],
  ['rfc9112 3.2', 'refuses two Hosts that are equal', withField('host: x'), ends(400)],
  ['rfc9112 3.2', 'refuses two Hosts with HTTP/1.0',
    'GET /healthz HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n', ends(400)],
  ['rfc9112 3.2', 'accepts an empty Host', withHost(''), goesOn(200)],
  ['rfc9112 3.2', 'accepts a Host that is a name with a port', withHost('ws.example.org:8080'), goesOn(200)],
  ['rfc3986 3.2.3', 'accepts an empty port', withHost('x:'), goesOn(200)],
  ['rfc3986 3.2.2', 'accepts every character of a name', withHost("a-._~!$&'()*+,;=%41Z9"), goesOn(200)],
  ['rfc3986 3.2.2', 'accepts a Host that is an IPv4 address', withHost('127.0.0.1:80'), goesOn(200)],
  ['rfc3986 3.2.2', 'accepts a Host that is an IPv6 address', withHost('[2001:db8::1]:80'), goesOn(200)],
  ['rfc9112 3.2', 'refuses a space in Host', withHost('a b'), ends(400)],
  ['rfc9112 3.2', 'refuses a slash in Host', withHost('a/b'), ends(400)],
  ['rfc9112 3.2', 'refuses a user in Host', withHost('user@x'), ends(400)],
  ['rfc9112 3.2', 'refuses bytes above ASCII in Host', withHost('\xc3\xa4'), ends(400)],
  ['rfc9112 3.2', 'refuses a port that is not a number', withHost('x:http'), ends(400)],
  ['rfc9112 3.2', 'refuses two ports', withHost('x:1:2'), ends(400)],
  ['rfc9112 3.2', 'refuses an IPv6 address without brackets', withHost('::1'), ends(400)],
  ['rfc9112 3.2', 'refuses a bracket that does not close', withHost('[::1'), ends(400)],
  ['rfc9112 3.2', 'refuses something after a bracket', withHost('[::1]x'), ends(400)],
  ['rfc9112 3.2', 'refuses empty brackets', withHost('[]'), ends(400)],
  ['rfc9112 3.2', 'refuses a bracket in a name', withHost('a[b]'), ends(400)],
];

const fields = [
  ['rfc9112 5', 'accepts names of fields in any case', 'GET /healthz HTTP/1.1\r\nhOST: x\r\n\r\n', goesOn(200)],
  ['rfc9112 5', 'ignores white space around a value',
    withField('Connection: \t close \t'), ends(200)],
  ['rfc9112 5', 'accepts a value without white space before it', withField('Connection:close'), ends(200)],
  ['rfc9110 5.5', 'accepts an empty value', withField('A:'), goesOn(200)],
  ['rfc9110 5.5', 'accepts tabs and bytes above ASCII in a value',
    withField('A: b\t\xc3\xa4\xff'), goesOn(200)],
  ['rfc9110 5.6.2', 'accepts every character of a token in a name',
    withField("!#$%&'*+-.^_`|~09azAZ: b"), goesOn(200)],
  ['rfc9112 5.1', 'refuses a space before the colon', withField('A : b'), ends(400)],
  ['rfc9112 5.1', 'refuses a tab before the colon', withField('A\t: b'), ends(400)],
  ['rfc9112 5.1', 'refuses a space before the colon of Content-Length',
    withField('Content-Length : 0'), ends(400)],
  ['rfc9112 5', 'refuses a line without a colon', withField('nothing'), ends(400)],
  ['rfc9112 5', 'refuses an empty name', withField(': b'), ends(400)],
  ['rfc9110 5.1', 'refuses a space in a name', withField('A b: c'), ends(400)],
  ...[...'"(),/;<=>?@[\\]{}\x7f\xe4'].map((c) =>
    ['rfc9110 5.1', `refuses ${JSON.stringify(c)} in a name`, withField(`A${c}: b`), ends(400)]),
  ['rfc9112 5.2', 'refuses obs-fold with a space', withField('A: b\r\n c'), ends(400)],
  ['rfc9112 5.2', 'refuses obs-fold with a tab', withField('A: b\r\n\tc'), ends(400)],
  ['rfc9112 5.2', 'refuses a fold of nothing', withField('A: b\r\n '), ends(400)],
  ['rfc9112 5.2', 'refuses a folded Content-Length',
    withField('Content-Length:\r\n 0'), ends(400)],
  ...[0, 1, 7, 8, 0x0b, 0x0c, 0x0e, 0x1b, 0x1f, 0x7f].map((c) =>
    ['rfc9110 5.5', `refuses byte ${c} in a value`,
      withField(`A: b${String.fromCharCode(c)}`), ends(400)]),
];

const sizes = [
  ['rfc9112 3', 'accepts a target under the limit', get(`/${'a'.repeat(LIMIT - 100)}`), goesOn(404)],
  ['rfc9110 15.5.15', 'answers 414 to a target over the limit', get(`/${'a'.repeat(LIMIT)}`), ends(414)],
  ['rfc9110 15.5.15', 'answers 414 to a target that does not end', `GET /${'a'.repeat(LIMIT)}`, ends(414)],
  ['rfc9112 3', 'refuses a method that does not end', 'A'.repeat(LIMIT), ends(400)],
  ['rfc6585 5', 'accepts a head of the largest size', headOf(LIMIT), goesOn(200)],
  ['rfc6585 5', 'answers 431 to a head one byte over the limit', headOf(LIMIT + 1), ends(431)],
  ['rfc6585 5', 'answers 431 to a field that does not end',
    `${withField('A: ').slice(0, -4)}${'a'.repeat(LIMIT)}`, ends(431)],
  ['rfc6585 5', 'answers 431 to a name that does not end', `${OK.slice(0, -2)}${'a'.repeat(LIMIT)}`, ends(431)],
  ['rfc6585 5', 'accepts 200 fields', withField('A: b\r\n'.repeat(199).trim()), goesOn(200)],
  ['rfc6585 5', 'answers 431 to 201 fields', withField('A: b\r\n'.repeat(200).trim()), ends(431)],
];

test('HTTP syntax', async (t) => {
  const server = await startStill(t, { MAX_HEADER_SIZE: String(LIMIT) });
  const rows = [...lines, ...versions, ...requestLines, ...targets, ...hosts, ...fields, ...sizes];
  await runHttpTable(t, server, rows);
});
