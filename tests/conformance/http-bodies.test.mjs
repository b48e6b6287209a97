// RFC 9112 sections 6 and 7: the length of a body. The server refuses every message that two readers
// could understand differently, and ends the connection. Each refused request here is followed by a
// second one, which must never be answered.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openClient } from '../integration/support/rpc.mjs';
import { startStill } from './support/servers.mjs';
import { ends, goesOn, runHttpTable } from './support/tables.mjs';

const LIMIT = 1024; // MAX_MESSAGE_SIZE and MAX_HEADER_SIZE

const GET = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n';
const post = (lines, body = '') => `POST /t HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n${body}`;
const ofLength = (value, body = 'hello') => post(`Content-Length: ${value}`, body);
const coded = (value, body = '5\r\nhello\r\n0\r\n\r\n') => post(`Transfer-Encoding: ${value}`, body);
const chunks = (body) => coded('chunked', body);

const lengths = [
  ['rfc9112 6.2', 'accepts a body with a length', ofLength('5'), goesOn(200)],
  ['rfc9112 6.2', 'takes the bytes after a body as the next request', ofLength('5') + GET, goesOn(200, 200)],
  ['rfc9112 6.2', 'takes a body that looks like a request as a body',
    ofLength(GET.length, GET), goesOn(200)],
  ['rfc9112 6.3', 'answers 400 to a POST without a length, and publishes nothing',
    post('A: b'), goesOn(400)],
  ['rfc9112 6.3', 'answers 400 to a length of 0', ofLength('0', ''), goesOn(400)],
  ['rfc9110 8.6', 'accepts leading zeros in a length', ofLength('0005'), goesOn(200)],
  ['rfc9110 8.6', 'accepts white space around a length', ofLength(' \t5\t '), goesOn(200)],
  ...['', '+5', '-5', '5.0', '0x5', '5a', '5 5', '5,', ',5', '5;', '"5"', 'five', '\xb2'].map((value) =>
    ['rfc9112 6.3', `refuses the length ${JSON.stringify(value)}`, ofLength(value), ends(400)]),
  ['rfc9110 8.6', 'refuses a list of equal lengths', ofLength('5, 5'), ends(400)],
  ['rfc9112 6.3', 'refuses a list of different lengths', ofLength('5, 6'), ends(400)],
  ['rfc9110 8.6', 'refuses two equal lengths',
    post('Content-Length: 5\r\nContent-Length: 5', 'hello'), ends(400)],
  ['rfc9112 6.3', 'refuses two different lengths',
    post('Content-Length: 5\r\ncontent-length: 0', 'hello'), ends(400)],
  ['rfc9112 6.3', 'refuses a length beyond 64 bits',
    ofLength('18446744073709551616'), ends(400)],
  ['rfc9112 6.3', 'refuses a length that wraps around to 5',
    ofLength('18446744073709551621'), ends(400)],
  ['rfc9110 15.5.14', 'answers 413 to the largest length of 64 bits',
    ofLength('18446744073709551615'), ends(413)],
  ['rfc9110 15.5.14', 'accepts a body of the largest size', ofLength(LIMIT, 'x'.repeat(LIMIT)), goesOn(200)],
  ['rfc9110 15.5.14', 'answers 413 to a length one above the limit, before the body',
    ofLength(LIMIT + 1, ''), ends(413)],
];

const codings = [
  ['rfc9112 6.1', 'accepts a chunked body', coded('chunked'), goesOn(200)],
  ['rfc9112 6.1', 'accepts chunked in any case', coded('Chunked'), goesOn(200)],
  ['rfc9112 6.1', 'takes the bytes after the last chunk as the next request',
    coded('chunked') + GET, goesOn(200, 200)],
  ['rfc9112 6.1', 'answers 501 to a coding before chunked',
    coded('gzip, chunked'), ends(501)],
  ['rfc9112 6.3', 'refuses a coding that is not chunked', coded('gzip'), ends(400)],
  ['rfc9112 6.3', 'refuses a coding after chunked', coded('chunked, gzip'), ends(400)],
  ['rfc9112 6.1', 'refuses chunked twice', coded('chunked, chunked'), ends(501)],
  ['rfc9112 7.1', 'refuses chunked with a parameter', coded('chunked;a=b'), ends(400)],
  ...['', 'identity', 'chunke', 'chunkedd', 'x chunked', 'chunked x', '"chunked"', '\vchunked', 'chunked,',
    'ch\xfcnked', 'cow'].map((value) =>
    ['rfc9112 6.3', `refuses the coding ${JSON.stringify(value)}`, coded(value), ends(400)]),
  ['rfc9112 6.1', 'refuses an empty element before chunked', coded(', chunked'), ends(501)],
  ['rfc9112 6.1', 'refuses Transfer-Encoding in HTTP/1.0',
    'POST /t HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', ends(400)],
];

/** Requests that a front end and a server could understand differently if each obeys another field. */
const smuggling = [
  ['rfc9112 6.3', 'refuses CL.TE: a length that covers a second request',
    post(`Content-Length: ${GET.length + 5}\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${GET}`),
    ends(400)],
  ['rfc9112 6.3', 'refuses TE.CL: chunks that cover a second request',
    post('Transfer-Encoding: chunked\r\nContent-Length: 4',
      `${GET.length.toString(16)}\r\n${GET}\r\n0\r\n\r\n`), ends(400)],
  ['rfc9112 6.3', 'refuses a length of 0 and chunks',
    post('Content-Length: 0\r\nTransfer-Encoding: chunked', `0\r\n\r\n${GET}`), ends(400)],
  ...[
    ['two codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'],
    ['two codings, the other way round', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'],
    ['an unknown coding', 'Transfer-Encoding: xchunked'],
    ['a space before the colon', 'Transfer-Encoding : chunked'],
    ['a tab before the colon', 'Transfer-Encoding\t: chunked'],
    ['a fold', 'Transfer-Encoding:\r\n chunked'],
    ['white space before the name', ' Transfer-Encoding: chunked'],
    ['a bare LF before the name', 'A: b\nTransfer-Encoding: chunked'],
    ['a bare CR before the name', 'A: b\rTransfer-Encoding: chunked'],
    ['a NUL in the name', 'Transfer-Encoding\0: chunked'],
    ['a vertical tab before the value', 'Transfer-Encoding:\vchunked'],
    ['a form feed after the value', 'Transfer-Encoding: chunked\f'],
  ].map(([what, line]) =>
    ['rfc9112 11.2', `refuses TE.TE: ${what}`, post(line, `0\r\n\r\n${GET}`), ends(400)]),
  ['rfc9112 11.2', 'ignores a similar name and takes the next bytes as a request',
    post('Transfer_Encoding: chunked\r\nContent_Length: 5') + GET, goesOn(400, 200)],
  ['rfc9112 11.2', 'refuses a bare LF in a length',
    post('Content-Length: 5\nX: y', 'hello'), ends(400)],
  ['rfc9112 6.3', 'does not read the body of a GET, and ends the connection',
    `GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: ${GET.length}\r\n\r\n${GET}`, ends(200)],
  ['rfc9112 6.3', 'does not read the chunks of a GET, and ends the connection',
    `GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`,
    ends(200)],
  ['rfc9112 6.3', 'does not read the body of an OPTIONS, and ends the connection',
    `OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: ${GET.length}\r\n\r\n${GET}`, ends(204)],
  ['rfc9112 6.3', 'does not read the body of a refused POST, and ends the connection',
    post(`Content-Length: ${GET.length}`, GET).replace('/t', '/t.'), ends(400)],
];

const chunked = [
  ['rfc9112 7.1', 'accepts a last chunk with several zeros',
    chunks('5\r\nhello\r\n000\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1', 'accepts a size with leading zeros',
    chunks('0000000000000005\r\nhello\r\n0\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1', 'accepts sizes in upper and lower case',
    chunks(`A\r\n${'x'.repeat(10)}\r\na\r\n${'x'.repeat(10)}\r\n0\r\n\r\n`), goesOn(200)],
  ['rfc9112 7.1', 'takes data that look like the last chunk as data',
    chunks('7\r\n0\r\n\r\nxy\r\n0\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1', 'takes data that look like a request as data',
    chunks(`${GET.length.toString(16)}\r\n${GET}\r\n0\r\n\r\n`), goesOn(200)],
  ['rfc9112 7.1', 'answers 400 to a last chunk alone', chunks('0\r\n\r\n'), goesOn(400)],
  ...['', 'x', '-5', '+5', '0x5', ' 5', '5 ', '5x', '5,', 'g', '\t5', '5\0', '\xb2'].map((size) =>
    ['rfc9112 7.1', `refuses the size ${JSON.stringify(size)}`,
      chunks(`${size}\r\nhello\r\n0\r\n\r\n`), ends(400)]),
  ['rfc9112 7.1', 'refuses a size of more than 16 digits',
    chunks('00000000000000005\r\n'), ends(400)],
  ['rfc9112 7.1', 'refuses a size that wraps around to 5',
    chunks('10000000000000005\r\n'), ends(400)],
  ['rfc9112 7.1', 'answers 413 to the largest size of 64 bits',
    chunks('ffffffffffffffff\r\n'), ends(413)],
  ['rfc9112 7.1', 'answers 413 to sizes whose sum wraps around',
    chunks('5\r\nhello\r\nfffffffffffffffb\r\n'), ends(413)],
  ['rfc9110 15.5.14', 'answers 413 to a chunk over the limit, before its bytes',
    chunks('401\r\n'), ends(413)],
  ['rfc9110 15.5.14', 'accepts chunks that reach the limit',
    chunks(`200\r\n${'x'.repeat(512)}\r\n200\r\n${'x'.repeat(512)}\r\n0\r\n\r\n`), goesOn(200)],
  ['rfc9110 15.5.14', 'answers 413 to chunks that exceed the limit',
    chunks(`200\r\n${'x'.repeat(512)}\r\n201\r\n`), ends(413)],
  ['rfc9112 7.1', 'refuses a bare LF after a size', chunks('5\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'refuses a bare CR after a size',
    chunks('5\rxhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'refuses a bare LF after data', chunks('5\r\nhello\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'refuses a bare CR after data', chunks('5\r\nhello\rx0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'refuses data longer than its size',
    chunks('4\r\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'refuses data shorter than its size',
    chunks('6\r\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'refuses a bare LF after the last chunk',
    chunks('5\r\nhello\r\n0\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'refuses a bare LF at the end', chunks('5\r\nhello\r\n0\r\n\n'), ends(400)],
  ['rfc9112 7.1', 'refuses a bare CR at the end', chunks('5\r\nhello\r\n0\r\n\rx'), ends(400)],
  ['rfc9112 7.1.1', 'ignores extensions',
    chunks('5;a=b;c="d;e"\r\nhello\r\n0;f\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1.1', 'ignores white space before an extension',
    chunks('5 \t; a = b\r\nhello\r\n0\t;c\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1.1', 'refuses a bare LF in an extension',
    chunks('5;a\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1.1', 'refuses a bare CR in an extension',
    chunks('5;a\rbhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1.1', 'refuses a NUL in an extension',
    chunks('5;\0\r\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1.1', 'answers 431 to an extension over the limit', chunks(`5;${'a'.repeat(LIMIT + 1)}`), ends(431)],
  ['rfc9112 7.1.1', 'answers 431 to extensions of many chunks over the limit',
    chunks(`1;${'a'.repeat(300)}\r\nx\r\n`.repeat(3) + `1;${'a'.repeat(300)}`), ends(431)],
  ['rfc9112 7.1.2', 'ignores trailers',
    chunks('5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1.2', 'ignores lengths and codings in trailers',
    `${chunks(`5\r\nhello\r\n0\r\nContent-Length: ${GET.length}\r\nTransfer-Encoding: chunked\r\n\r\n`)}${GET}`,
    goesOn(200, 200)],
  ['rfc9112 7.1.2', 'takes a trailer that looks like a request as a trailer',
    chunks(`5\r\nhello\r\n0\r\n${GET}`), goesOn(200)],
  ['rfc9112 7.1.2', 'refuses a bare LF in a trailer',
    chunks('5\r\nhello\r\n0\r\nA: b\n\r\n'), ends(400)],
  ['rfc9112 7.1.2', 'refuses a bare CR in a trailer',
    chunks('5\r\nhello\r\n0\r\nA: b\rc\r\n'), ends(400)],
  ['rfc9112 7.1.2', 'refuses a NUL in a trailer', chunks('5\r\nhello\r\n0\r\nA\0'), ends(400)],
  ['rfc9112 7.1.2', 'answers 431 to trailers over the limit',
    chunks(`5\r\nhello\r\n0\r\n${'A: b\r\n'.repeat(LIMIT / 4)}`), ends(431)],
];

test('HTTP bodies', async (t) => {
  const server = await startStill(t,
    { MAX_MESSAGE_SIZE: String(LIMIT), MAX_HEADER_SIZE: String(LIMIT) });
  const rows = [...lengths, ...codings, ...smuggling, ...chunked].map(([section, what, bytes, want]) =>
    [section, what, want.goesOn ? bytes : bytes.replace('POST /t ', 'POST /refused '), want]);
  await runHttpTable(t, server, rows);

  await t.test('rfc9112 6.3: publishes nothing of a refused body', async (t) => {
    const client = await openClient(t, server);
    const { items } = await client.call('eventlog', { topic: 'refused', since: 1 });
    assert.deepEqual(items, []);
  });
});
