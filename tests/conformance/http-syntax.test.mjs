// RFC 9112 sections 2, 3 and 5: lines, the request line, the target, Host, fields.

import { test } from 'node:test';

import { startStill } from './support/servers.mjs';
import { ends, goesOn, runHttpTable } from './support/tables.mjs';

const get = (target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
const withHost = (value) => `GET /healthz HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
const withField = (line) => `GET /healthz HTTP/1.1\r\nHost: x\r\n${line}\r\n\r\n`;
const OK = get('/healthz');
const LIMIT = 4096; // MAX_HEADER_SIZE

/** A head of so many bytes; the filling is in a field. */
function headOf(size) {
  const head = withField('A: ');
  return head.replace('A: ', `A: ${'a'.repeat(size - head.length)}`);
}

const lines = [
  ['rfc9112 2.2', 'lines end with CR LF', OK, goesOn(200)],
  ['rfc9112 2.2', 'a bare LF after the request line is refused', OK.replace('\r', ''), ends(400)],
  ['rfc9112 2.2', 'bare LFs all through are refused', OK.replaceAll('\r', ''), ends(400)],
  ['rfc9112 2.2', 'a bare LF after a field is refused', withField('A: b\nC: d'), ends(400)],
  ['rfc9112 2.2', 'a bare LF in place of the empty line is refused',
    'GET /healthz HTTP/1.1\r\nHost: x\r\n\n', ends(400)],
  ['rfc9112 2.2', 'CR LF LF at the end is refused',
    'GET /healthz HTTP/1.1\r\nHost: x\n\r\n', ends(400)],
  ['rfc9112 2.2', 'a bare CR in the request line is refused', get('/heal\rthz'), ends(400)],
  ['rfc9112 2.2', 'a bare CR in a field is refused', withField('A: b\rC: d'), ends(400)],
  ['rfc9112 2.2', 'CR CR LF is refused', withField('A: b\r'), ends(400)],
  ['rfc9112 2.2', 'a bare CR at the end is refused',
    'GET /healthz HTTP/1.1\r\nHost: x\r\n\rX', ends(400)],
  ['rfc9112 2.2', 'one empty line before a request is ignored', `\r\n${OK}`, goesOn(200)],
  ['rfc9112 2.2', 'one empty line between requests is ignored', `${OK}\r\n${OK}`, goesOn(200, 200)],
  ['rfc9112 2.2', 'two empty lines before a request are refused', `\r\n\r\n${OK}`, ends(400)],
  ['rfc9112 2.2', 'a bare LF before a request is refused', `\n${OK}`, ends(400)],
  ['rfc9112 2.2', 'white space before a request is refused', ` ${OK}`, ends(400)],
  ['rfc9112 2.2', 'white space before the first field is refused',
    'GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n', ends(400)],
  ['rfc9112 2.2', 'a byte order mark is refused', `\xef\xbb\xbf${OK}`, ends(400)],
  ['rfc9112 2.2', 'NULs are refused', '\0\0\0\0', ends(400)],
  ['rfc9112 2.2', 'a TLS hello is refused at its first byte', '\x16', ends(400)],
  ['rfc9112 2.2', 'an SSH greeting is refused', 'SSH-2.0-OpenSSH_9.2\r\n', ends(400)],
  ['rfc9112 2.2', 'a WebSocket frame is refused at its first byte', '\x81', ends(400)],
  ['rfc9112 2.2', 'what was asked before garbage is answered', `${OK}${OK}\0`, ends(200, 200, 400)],
];

const version = (text) => `GET /healthz ${text}\r\nHost: x\r\n\r\n`;

const versions = [
  ['rfc9112 2.3', 'HTTP/1.0 without Host is answered, once',
    'GET /healthz HTTP/1.0\r\n\r\n', ends(200)],
  ['rfc9112 2.3', 'HTTP/1.2 is read as the highest 1.x that is known',
    version('HTTP/1.2'), goesOn(200)],
  ['rfc9112 2.3', 'HTTP/1.9 is, too', version('HTTP/1.9'), goesOn(200)],
  ['rfc9112 2.3', 'lower case is refused', version('http/1.1'), ends(400)],
  ['rfc9112 2.3', 'two digits are refused', version('HTTP/1.10'), ends(400)],
  ['rfc9112 2.3', 'a leading zero is refused', version('HTTP/01.1'), ends(400)],
  ['rfc9112 2.3', 'a version without a minor number is refused', version('HTTP/1'), ends(400)],
  ['rfc9112 2.3', 'a comma for the dot is refused', version('HTTP/1,1'), ends(400)],
  ['rfc9112 2.3', 'another name is refused', version('HTTPS/1.1'), ends(400)],
  ['rfc9112 2.3', 'white space behind the version is refused', version('HTTP/1.1 '), ends(400)],
  ['rfc9112 2.3', 'HTTP/0.9 is refused', 'GET /healthz\r\n', ends(400)],
  ['rfc9110 15.6.6', 'HTTP/0.9 by its number is not spoken here', version('HTTP/0.9'), ends(505)],
  ['rfc9110 15.6.6', 'HTTP/2.0 is not spoken here', version('HTTP/2.0'), ends(505)],
  ['rfc9113 3.4', 'the preface of HTTP/2 is refused as that version',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', ends(505)],
  ['rfc9112 2.3', 'an offer of h2c is ignored',
    withField('Upgrade: h2c\r\nConnection: Upgrade'), goesOn(200)],
];

const requestLine = (line) => `${line}\r\nHost: x\r\n\r\n`;

const requestLines = [
  ['rfc9112 3', 'two spaces before the target are refused',
    requestLine('GET  /healthz HTTP/1.1'), ends(400)],
  ['rfc9112 3', 'two spaces before the version are refused',
    requestLine('GET /healthz  HTTP/1.1'), ends(400)],
  ['rfc9112 3', 'a tab for a space is refused', requestLine('GET\t/healthz HTTP/1.1'), ends(400)],
  ['rfc9112 3', 'a vertical tab for a space is refused',
    requestLine('GET /healthz\vHTTP/1.1'), ends(400)],
  ['rfc9112 3', 'a space in the target is refused', requestLine('GET /a b HTTP/1.1'), ends(400)],
  ['rfc9112 3', 'a request line without a version is refused',
    requestLine('GET /healthz'), ends(400)],
  ['rfc9112 3', 'a method alone is refused', requestLine('GET'), ends(400)],
  ['rfc9112 3', 'no target is refused', requestLine('GET HTTP/1.1'), ends(400)],
  ['rfc9112 3.1', 'a method that is no token is refused',
    requestLine('G@T /healthz HTTP/1.1'), ends(400)],
  ['rfc9112 3.1', 'an empty method is refused', requestLine('/healthz HTTP/1.1'), ends(400)],
  ['rfc9112 3.1', 'methods are case-sensitive: get is not GET',
    requestLine('get /healthz HTTP/1.1'), goesOn(405)],
  ['rfc9110 15.5.6', 'DELETE is not allowed, and Allow says what is',
    requestLine('DELETE /healthz HTTP/1.1'), goesOn(405)],
  ['rfc9110 9.1', 'a method that nobody knows is no GET',
    requestLine('FETCH /healthz HTTP/1.1'), goesOn(405)],
  ['rfc9110 9.3.8', 'TRACE sends nothing back',
    requestLine('TRACE /nowhere HTTP/1.1'), goesOn(405)],
];

const targets = [
  ['rfc9112 3.2.1', 'origin-form', get('/healthz?a=b/?&c'), goesOn(200)],
  ['rfc9112 3.2.1', 'a path that is nowhere', get('/nowhere'), goesOn(404)],
  ['rfc9112 3.2.1', 'a target without a slash is refused', get('healthz'), ends(400)],
  ['rfc9112 3.2', 'a fragment is refused', get('/healthz#a'), ends(400)],
  ['rfc9112 3.2', 'a control in the target is refused', get('/heal\x01thz'), ends(400)],
  ['rfc9112 3.2', 'DEL in the target is refused', get('/heal\x7fthz'), ends(400)],
  ['rfc9112 3.2', 'bytes above ASCII in the target are refused', get('/h\xc3\xa4'), ends(400)],
  ['rfc9112 3.2.2', 'absolute-form names the same resource', get('http://x/healthz'), goesOn(200)],
  ['rfc9112 3.2.2', 'its query is the query', get('http://x/metrics?format=json'), goesOn(200)],
  ['rfc9112 3.2.2', 'absolute-form with https, a port and other letters',
    get('HTTPS://x:8443/healthz'), goesOn(200)],
  ['rfc9112 3.2.2', 'absolute-form with an IPv6 address',
    get('http://[::1]:80/healthz'), goesOn(200)],
  ['rfc9112 3.2.2', 'its host counts, not the Host field',
    get('http://elsewhere/healthz'), goesOn(200)],
  ['rfc9112 3.2.2', 'absolute-form without a path is /', get('http://x'), goesOn(404)],
  ['rfc9112 3.2.2', 'absolute-form with a query and no path is /',
    get('http://x?a=/healthz'), goesOn(404)],
  ['rfc9112 3.2.2', 'absolute-form does not stand for a Host field',
    'GET http://x/healthz HTTP/1.1\r\n\r\n', ends(400)],
  ['rfc9110 4.2.1', 'an empty host in absolute-form is refused', get('http:///healthz'), ends(400)],
  ['rfc9110 4.2.1', 'a port alone in absolute-form is refused',
    get('http://:80/healthz'), ends(400)],
  ['rfc9110 4.2.4', 'a user in absolute-form is refused', get('http://user@x/healthz'), ends(400)],
  ['rfc9112 3.2.2', 'another scheme is refused', get('ftp://x/healthz'), ends(400)],
  ['rfc9112 3.2.2', 'a scheme without // is refused', get('http:/healthz'), ends(400)],
  ['rfc9112 3.2.2', 'a port that is no number is refused', get('http://x:y/healthz'), ends(400)],
  ['rfc9112 3.2.2', 'a fragment in absolute-form is refused', get('http://x/healthz#a'), ends(400)],
  ['rfc9112 3.2.3', 'authority-form is refused', get('x:80'), ends(400)],
  ['rfc9112 3.2.3', 'CONNECT is refused: this is no proxy',
    'CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n', ends(400)],
  ['rfc9112 3.2.4', 'OPTIONS *', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', goesOn(204)],
  ['rfc9112 3.2.4', 'OPTIONS * in absolute-form',
    'OPTIONS http://x HTTP/1.1\r\nHost: x\r\n\r\n', goesOn(204)],
  ['rfc9112 3.2.4', 'GET * is refused', get('*'), ends(400)],
  ['rfc9112 3.2.4', 'OPTIONS with more than * is refused',
    'OPTIONS *a HTTP/1.1\r\nHost: x\r\n\r\n', ends(400)],
];

const hosts = [
  ['rfc9112 3.2', 'no Host is refused', 'GET /healthz HTTP/1.1\r\n\r\n', ends(400)],
  ['rfc9112 3.2', 'two Hosts are refused', withField('Host: y'), ends(400)],
  ['rfc9112 3.2', 'two Hosts that are equal are refused', withField('host: x'), ends(400)],
  ['rfc9112 3.2', 'two Hosts with HTTP/1.0 are refused',
    'GET /healthz HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n', ends(400)],
  ['rfc9112 3.2', 'an empty Host is a Host', withHost(''), goesOn(200)],
  ['rfc9112 3.2', 'a name with a port', withHost('ws.example.org:8080'), goesOn(200)],
  ['rfc3986 3.2.3', 'a port may be empty', withHost('x:'), goesOn(200)],
  ['rfc3986 3.2.2', 'all that a name may hold', withHost("a-._~!$&'()*+,;=%41Z9"), goesOn(200)],
  ['rfc3986 3.2.2', 'an IPv4 address', withHost('127.0.0.1:80'), goesOn(200)],
  ['rfc3986 3.2.2', 'an IPv6 address', withHost('[2001:db8::1]:80'), goesOn(200)],
  ['rfc9112 3.2', 'a space in Host is refused', withHost('a b'), ends(400)],
  ['rfc9112 3.2', 'a slash in Host is refused', withHost('a/b'), ends(400)],
  ['rfc9112 3.2', 'a user in Host is refused', withHost('user@x'), ends(400)],
  ['rfc9112 3.2', 'bytes above ASCII in Host are refused', withHost('\xc3\xa4'), ends(400)],
  ['rfc9112 3.2', 'a port that is no number is refused', withHost('x:http'), ends(400)],
  ['rfc9112 3.2', 'two ports are refused', withHost('x:1:2'), ends(400)],
  ['rfc9112 3.2', 'an IPv6 address without brackets is refused', withHost('::1'), ends(400)],
  ['rfc9112 3.2', 'a bracket that does not close is refused', withHost('[::1'), ends(400)],
  ['rfc9112 3.2', 'something behind a bracket is refused', withHost('[::1]x'), ends(400)],
  ['rfc9112 3.2', 'empty brackets are refused', withHost('[]'), ends(400)],
  ['rfc9112 3.2', 'a bracket in a name is refused', withHost('a[b]'), ends(400)],
];

const fields = [
  ['rfc9112 5', 'names in any case', 'GET /healthz HTTP/1.1\r\nhOST: x\r\n\r\n', goesOn(200)],
  ['rfc9112 5', 'white space around a value is no part of it',
    withField('Connection: \t close \t'), ends(200)],
  ['rfc9112 5', 'none is needed', withField('Connection:close'), ends(200)],
  ['rfc9110 5.5', 'an empty value', withField('A:'), goesOn(200)],
  ['rfc9110 5.5', 'tabs and bytes above ASCII inside a value',
    withField('A: b\t\xc3\xa4\xff'), goesOn(200)],
  ['rfc9110 5.6.2', 'every character of a token in a name',
    withField("!#$%&'*+-.^_`|~09azAZ: b"), goesOn(200)],
  ['rfc9112 5.1', 'a space before the colon is refused', withField('A : b'), ends(400)],
  ['rfc9112 5.1', 'a tab before the colon is refused', withField('A\t: b'), ends(400)],
  ['rfc9112 5.1', 'a space before the colon of Content-Length is refused',
    withField('Content-Length : 0'), ends(400)],
  ['rfc9112 5', 'a line without a colon is refused', withField('nothing'), ends(400)],
  ['rfc9112 5', 'an empty name is refused', withField(': b'), ends(400)],
  ['rfc9110 5.1', 'a space in a name is refused', withField('A b: c'), ends(400)],
  ...[...'"(),/;<=>?@[\\]{}\x7f\xe4'].map((c) =>
    ['rfc9110 5.1', `${JSON.stringify(c)} in a name is refused`, withField(`A${c}: b`), ends(400)]),
  ['rfc9112 5.2', 'obs-fold with a space is refused', withField('A: b\r\n c'), ends(400)],
  ['rfc9112 5.2', 'obs-fold with a tab is refused', withField('A: b\r\n\tc'), ends(400)],
  ['rfc9112 5.2', 'a fold of nothing is refused', withField('A: b\r\n '), ends(400)],
  ['rfc9112 5.2', 'a folded Content-Length is refused',
    withField('Content-Length:\r\n 0'), ends(400)],
  ...[0, 1, 7, 8, 0x0b, 0x0c, 0x0e, 0x1b, 0x1f, 0x7f].map((c) =>
    ['rfc9110 5.5', `byte ${c} in a value is refused`,
      withField(`A: b${String.fromCharCode(c)}`), ends(400)]),
];

const sizes = [
  ['rfc9112 3', 'a target under the limit', get(`/${'a'.repeat(LIMIT - 100)}`), goesOn(404)],
  ['rfc9110 15.5.15', 'a target over the limit', get(`/${'a'.repeat(LIMIT)}`), ends(414)],
  ['rfc9110 15.5.15', 'a target that does not end', `GET /${'a'.repeat(LIMIT)}`, ends(414)],
  ['rfc9112 3', 'a method that does not end is refused', 'A'.repeat(LIMIT), ends(400)],
  ['rfc6585 5', 'a head of the limit', headOf(LIMIT), goesOn(200)],
  ['rfc6585 5', 'a head one byte over the limit', headOf(LIMIT + 1), ends(431)],
  ['rfc6585 5', 'a field that does not end',
    `${withField('A: ').slice(0, -4)}${'a'.repeat(LIMIT)}`, ends(431)],
  ['rfc6585 5', 'a name that does not end', `${OK.slice(0, -2)}${'a'.repeat(LIMIT)}`, ends(431)],
  ['rfc6585 5', '64 fields', withField('A: b\r\n'.repeat(63).trim()), goesOn(200)],
  ['rfc6585 5', '65 fields', withField('A: b\r\n'.repeat(64).trim()), ends(431)],
];

test('HTTP syntax', async (t) => {
  const server = await startStill(t, { MAX_HEADER_SIZE: String(LIMIT) });
  const rows = [...lines, ...versions, ...requestLines, ...targets, ...hosts, ...fields, ...sizes];
  await runHttpTable(t, server, rows);
});
