// RFC 9112 sections 6 and 7: how long a body is. Whatever two readers could understand differently
// is refused and ends the connection: behind every refusal here a second request follows, which must
// never be answered.

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
  ['rfc9112 6.2', 'a body of a length', ofLength('5'), goesOn(200)],
  ['rfc9112 6.2', 'what follows a body is the next request', ofLength('5') + GET, goesOn(200, 200)],
  ['rfc9112 6.2', 'a body that looks like a request is a body',
    ofLength(GET.length, GET), goesOn(200)],
  ['rfc9112 6.3', 'without a length there is no body, and none is published',
    post('A: b'), goesOn(400)],
  ['rfc9112 6.3', 'a length of 0 is no body', ofLength('0', ''), goesOn(400)],
  ['rfc9110 8.6', 'leading zeros', ofLength('0005'), goesOn(200)],
  ['rfc9110 8.6', 'white space around a length', ofLength(' \t5\t '), goesOn(200)],
  ...['', '+5', '-5', '5.0', '0x5', '5a', '5 5', '5,', ',5', '5;', '"5"', 'five', '\xb2'].map((value) =>
    ['rfc9112 6.3', `the length ${JSON.stringify(value)} is refused`, ofLength(value), ends(400)]),
  ['rfc9110 8.6', 'a list of equal lengths is refused', ofLength('5, 5'), ends(400)],
  ['rfc9112 6.3', 'a list of different lengths is refused', ofLength('5, 6'), ends(400)],
  ['rfc9110 8.6', 'two equal lengths are refused',
    post('Content-Length: 5\r\nContent-Length: 5', 'hello'), ends(400)],
  ['rfc9112 6.3', 'two different lengths are refused',
    post('Content-Length: 5\r\ncontent-length: 0', 'hello'), ends(400)],
  ['rfc9112 6.3', 'a length beyond 64 bits is refused',
    ofLength('18446744073709551616'), ends(400)],
  ['rfc9112 6.3', 'a length that wraps around to 5 is refused',
    ofLength('18446744073709551621'), ends(400)],
  ['rfc9110 15.5.14', 'the longest length that can be counted is too long',
    ofLength('18446744073709551615'), ends(413)],
  ['rfc9110 15.5.14', 'a body of the limit', ofLength(LIMIT, 'x'.repeat(LIMIT)), goesOn(200)],
  ['rfc9110 15.5.14', 'a length one above it is too long, before the body',
    ofLength(LIMIT + 1, ''), ends(413)],
];

const codings = [
  ['rfc9112 6.1', 'chunked', coded('chunked'), goesOn(200)],
  ['rfc9112 6.1', 'chunked in other letters', coded('Chunked'), goesOn(200)],
  ['rfc9112 6.1', 'what follows the last chunk is the next request',
    coded('chunked') + GET, goesOn(200, 200)],
  ['rfc9112 6.1', 'a coding in front of chunked is not implemented',
    coded('gzip, chunked'), ends(501)],
  ['rfc9112 6.3', 'a coding that is not chunked is refused', coded('gzip'), ends(400)],
  ['rfc9112 6.3', 'a coding behind chunked is refused', coded('chunked, gzip'), ends(400)],
  ['rfc9112 6.1', 'chunked twice is refused', coded('chunked, chunked'), ends(501)],
  ['rfc9112 7.1', 'chunked with a parameter is refused', coded('chunked;a=b'), ends(400)],
  ...['', 'identity', 'chunke', 'chunkedd', 'x chunked', 'chunked x', '"chunked"', '\vchunked', 'chunked,',
    'ch\xfcnked', 'cow'].map((value) =>
    ['rfc9112 6.3', `the coding ${JSON.stringify(value)} is refused`, coded(value), ends(400)]),
  ['rfc9112 6.1', 'an empty element before chunked is refused', coded(', chunked'), ends(501)],
  ['rfc9112 6.1', 'Transfer-Encoding in HTTP/1.0 is refused',
    'POST /t HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n', ends(400)],
];

/** What a front that looks at the one, and a server that looks at the other, would not agree on. */
const smuggling = [
  ['rfc9112 6.3', 'CL.TE: a length that covers a second request is refused',
    post(`Content-Length: ${GET.length + 5}\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${GET}`),
    ends(400)],
  ['rfc9112 6.3', 'TE.CL: chunks that cover a second request are refused',
    post('Transfer-Encoding: chunked\r\nContent-Length: 4',
      `${GET.length.toString(16)}\r\n${GET}\r\n0\r\n\r\n`), ends(400)],
  ['rfc9112 6.3', 'a length of 0 and chunks are refused',
    post('Content-Length: 0\r\nTransfer-Encoding: chunked', `0\r\n\r\n${GET}`), ends(400)],
  ...[
    ['two codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'],
    ['two codings, the other way round', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked'],
    ['chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked'],
    ['a coding that is no value', 'Transfer-Encoding: xchunked'],
    ['a space before the colon', 'Transfer-Encoding : chunked'],
    ['a tab before the colon', 'Transfer-Encoding\t: chunked'],
    ['a fold', 'Transfer-Encoding:\r\n chunked'],
    ['white space before the name', ' Transfer-Encoding: chunked'],
    ['a bare LF before the name', 'A: b\nTransfer-Encoding: chunked'],
    ['a bare CR before the name', 'A: b\rTransfer-Encoding: chunked'],
    ['a NUL in the name', 'Transfer-Encoding\0: chunked'],
    ['a vertical tab before the value', 'Transfer-Encoding:\vchunked'],
    ['a form feed behind the value', 'Transfer-Encoding: chunked\f'],
  ].map(([what, line]) =>
    ['rfc9112 11.2', `TE.TE: ${what} is refused`, post(line, `0\r\n\r\n${GET}`), ends(400)]),
  ['rfc9112 11.2', 'a name that only resembles frames nothing: what follows is a request',
    post('Transfer_Encoding: chunked\r\nContent_Length: 5') + GET, goesOn(400, 200)],
  ['rfc9112 11.2', 'a bare LF in a length is refused',
    post('Content-Length: 5\nX: y', 'hello'), ends(400)],
  ['rfc9112 6.3', 'the body of a GET is not read, and nothing is after it',
    `GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: ${GET.length}\r\n\r\n${GET}`, ends(200)],
  ['rfc9112 6.3', 'the chunks of a GET are not read, and nothing is after them',
    `GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`,
    ends(200)],
  ['rfc9112 6.3', 'the body of an OPTIONS is not read, and nothing is after it',
    `OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: ${GET.length}\r\n\r\n${GET}`, ends(204)],
  ['rfc9112 6.3', 'the body of a POST that is refused is not read, and nothing is after it',
    post(`Content-Length: ${GET.length}`, GET).replace('/t', '/t.'), ends(400)],
];

const chunked = [
  ['rfc9112 7.1', 'the last chunk with more zeros',
    chunks('5\r\nhello\r\n000\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1', 'a size with leading zeros',
    chunks('0000000000000005\r\nhello\r\n0\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1', 'sizes in letters of both cases',
    chunks(`A\r\n${'x'.repeat(10)}\r\na\r\n${'x'.repeat(10)}\r\n0\r\n\r\n`), goesOn(200)],
  ['rfc9112 7.1', 'data that looks like the end is data',
    chunks('7\r\n0\r\n\r\nxy\r\n0\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1', 'data that looks like a request is data',
    chunks(`${GET.length.toString(16)}\r\n${GET}\r\n0\r\n\r\n`), goesOn(200)],
  ['rfc9112 7.1', 'only the last chunk is an empty body', chunks('0\r\n\r\n'), goesOn(400)],
  ...['', 'x', '-5', '+5', '0x5', ' 5', '5 ', '5x', '5,', 'g', '\t5', '5\0', '\xb2'].map((size) =>
    ['rfc9112 7.1', `the size ${JSON.stringify(size)} is refused`,
      chunks(`${size}\r\nhello\r\n0\r\n\r\n`), ends(400)]),
  ['rfc9112 7.1', 'a size of more than 16 digits is refused',
    chunks('00000000000000005\r\n'), ends(400)],
  ['rfc9112 7.1', 'a size that wraps around to 5 is refused',
    chunks('10000000000000005\r\n'), ends(400)],
  ['rfc9112 7.1', 'the largest size that can be counted is too large',
    chunks('ffffffffffffffff\r\n'), ends(413)],
  ['rfc9112 7.1', 'sizes whose sum wraps around are too large',
    chunks('5\r\nhello\r\nfffffffffffffffb\r\n'), ends(413)],
  ['rfc9110 15.5.14', 'a chunk over the limit is too large, before its bytes',
    chunks('401\r\n'), ends(413)],
  ['rfc9110 15.5.14', 'chunks of the limit',
    chunks(`200\r\n${'x'.repeat(512)}\r\n200\r\n${'x'.repeat(512)}\r\n0\r\n\r\n`), goesOn(200)],
  ['rfc9110 15.5.14', 'chunks that pass the limit are too large',
    chunks(`200\r\n${'x'.repeat(512)}\r\n201\r\n`), ends(413)],
  ['rfc9112 7.1', 'a bare LF behind a size is refused', chunks('5\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'a bare CR behind a size is refused',
    chunks('5\rxhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'a bare LF behind data is refused', chunks('5\r\nhello\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'a bare CR behind data is refused', chunks('5\r\nhello\rx0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'data longer than its size is refused',
    chunks('4\r\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'data shorter than its size is refused',
    chunks('6\r\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'a bare LF behind the last chunk is refused',
    chunks('5\r\nhello\r\n0\n\r\n'), ends(400)],
  ['rfc9112 7.1', 'a bare LF at the end is refused', chunks('5\r\nhello\r\n0\r\n\n'), ends(400)],
  ['rfc9112 7.1', 'a bare CR at the end is refused', chunks('5\r\nhello\r\n0\r\n\rx'), ends(400)],
  ['rfc9112 7.1.1', 'extensions are ignored',
    chunks('5;a=b;c="d;e"\r\nhello\r\n0;f\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1.1', 'white space before an extension is ignored',
    chunks('5 \t; a = b\r\nhello\r\n0\t;c\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1.1', 'a bare LF in an extension is refused',
    chunks('5;a\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1.1', 'a bare CR in an extension is refused',
    chunks('5;a\rbhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1.1', 'a NUL in an extension is refused',
    chunks('5;\0\r\nhello\r\n0\r\n\r\n'), ends(400)],
  ['rfc9112 7.1.1', 'extensions have a limit', chunks(`5;${'a'.repeat(LIMIT + 1)}`), ends(431)],
  ['rfc9112 7.1.1', 'extensions of many chunks have one limit',
    chunks(`1;${'a'.repeat(300)}\r\nx\r\n`.repeat(3) + `1;${'a'.repeat(300)}`), ends(431)],
  ['rfc9112 7.1.2', 'trailers are ignored',
    chunks('5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n'), goesOn(200)],
  ['rfc9112 7.1.2', 'trailers do not frame anything',
    `${chunks(`5\r\nhello\r\n0\r\nContent-Length: ${GET.length}\r\nTransfer-Encoding: chunked\r\n\r\n`)}${GET}`,
    goesOn(200, 200)],
  ['rfc9112 7.1.2', 'a trailer that looks like a request is a trailer',
    chunks(`5\r\nhello\r\n0\r\n${GET}`), goesOn(200)],
  ['rfc9112 7.1.2', 'a bare LF in a trailer is refused',
    chunks('5\r\nhello\r\n0\r\nA: b\n\r\n'), ends(400)],
  ['rfc9112 7.1.2', 'a bare CR in a trailer is refused',
    chunks('5\r\nhello\r\n0\r\nA: b\rc\r\n'), ends(400)],
  ['rfc9112 7.1.2', 'a NUL in a trailer is refused', chunks('5\r\nhello\r\n0\r\nA\0'), ends(400)],
  ['rfc9112 7.1.2', 'trailers have a limit',
    chunks(`5\r\nhello\r\n0\r\n${'A: b\r\n'.repeat(LIMIT / 4)}`), ends(431)],
];

test('HTTP bodies', async (t) => {
  const server = await startStill(t,
    { MAX_MESSAGE_SIZE: String(LIMIT), MAX_HEADER_SIZE: String(LIMIT) });
  const rows = [...lengths, ...codings, ...smuggling, ...chunked].map(([section, what, bytes, want]) =>
    [section, what, want.goesOn ? bytes : bytes.replace('POST /t ', 'POST /refused '), want]);
  await runHttpTable(t, server, rows);

  await t.test('rfc9112 6.3: nothing of a body that is refused was published', async (t) => {
    const client = await openClient(t, server);
    const { items } = await client.call('eventlog', { topic: 'refused', since: 1 });
    assert.deepEqual(items, []);
  });
});
