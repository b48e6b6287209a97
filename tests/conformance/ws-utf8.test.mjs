// RFC 6455 section 8.1 and RFC 3629: text is UTF-8. The server closes at the first byte that cannot be
// valid and not before, however the characters are cut into fragments and packets.

import { test } from 'node:test';

import { frame, OP } from '../integration/support/frames.mjs';
import { startEcho } from './support/servers.mjs';
import { ends, goesOn, runEchoTable } from './support/tables.mjs';

const all = (...frames) => Buffer.concat(frames);
const hex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const BAD = ends('close 1007');

/** The bytes in fragments of one byte each; `fin`: the last one ends the message. */
function scattered(bytes, { fin, between = Buffer.alloc(0) }) {
  return all(...[...bytes].map((byte, i) => all(
    i ? between : Buffer.alloc(0),
    frame(i ? OP.CONT : OP.TEXT, Buffer.of(byte), { fin: fin && i === bytes.length - 1 }))));
}

const characters = [
  ['U+0000', '\0'], ['U+0001', '\x01'], ['U+007F, the last of one byte', '\x7f'],
  ['U+0080, the first of two bytes', '\x80'], ['U+07FF, the last of two bytes', '\u07ff'],
  ['U+0800, the first of three bytes', '\u0800'], ['U+1000', '\u1000'], ['U+CFFF', '\ucfff'],
  ['U+D7FF, the last before the surrogates', '\ud7ff'], ['U+E000, the first after the surrogates', '\ue000'],
  ['U+FEFF, a byte order mark', '\ufeff'], ['U+FFFD', '\ufffd'],
  ['U+FDD0, a noncharacter', '\ufdd0'], ['U+FFFE, another noncharacter', '\ufffe'],
  ['U+FFFF, the last of three bytes', '\uffff'],
  ['U+10000, the first of four bytes', '\u{10000}'], ['U+1FFFF', '\u{1ffff}'], ['U+3FFFF', '\u{3ffff}'],
  ['U+40000', '\u{40000}'], ['U+FFFFF', '\u{fffff}'], ['U+100000', '\u{100000}'],
  ['U+10FFFF, the last of all', '\u{10ffff}'],
];

const texts = [
  ['Greek', '\u03ba\u1f79\u03c3\u03bc\u03b5'], ['letters, umlauts, euro and balloon', 'a\u00e4\u20ac\u{1f388}z'],
  ['a letter with marks', 'Z\u0351\u036b\u0343'],
  ['words around the width of a machine word', '1234567\u00e4 12345678\u20ac 123456789\u{1f388}'],
];

const valid = [...characters, ...texts].flatMap(([name, text]) => [
  ['rfc3629 3', `accepts ${name}`, frame(OP.TEXT, text), goesOn(`text ${text}`)],
  ['rfc6455 5.6', `accepts ${name}, in fragments of one byte`,
    scattered(Buffer.from(text), { fin: true }), goesOn(`text ${text}`)],
]);

/** Sequences of which only the last byte cannot be valid. */
const impossible = [
  ['a continuation byte first', '80'], ['the last continuation byte first', 'bf'],
  ['C0, always overlong', 'c0'], ['C1, always overlong', 'c1'],
  ['F5, always above U+10FFFF', 'f5'], ['F8, five bytes', 'f8'], ['FC, six bytes', 'fc'], ['FE', 'fe'], ['FF', 'ff'],
  ['two bytes, the second a letter', 'c2 41'], ['two bytes, the second a first one', 'c2 c2'],
  ['three bytes, the second a letter', 'e1 41'], ['three bytes, the third a letter', 'e1 80 41'],
  ['three bytes, the third a first one', 'e1 bf c0'],
  ['four bytes, the second a letter', 'f1 41'], ['four bytes, the third a letter', 'f1 80 41'],
  ['four bytes, the fourth a letter', 'f1 80 80 41'], ['four bytes, the fourth a first one', 'f1 bf bf e1'],
  ['U+0000 in three bytes', 'e0 80'], ['U+07FF in three bytes', 'e0 9f'],
  ['U+0000 in four bytes', 'f0 80'], ['U+FFFF in four bytes', 'f0 8f'],
  ['the first surrogate', 'ed a0'], ['the last surrogate', 'ed bf'], ['a surrogate pair', 'ed a1'],
  ['U+110000, the first above the range', 'f4 90'], ['U+13FFFF', 'f4 bf'],
  ['a continuation byte after a complete character', 'c3 a4 80'],
  ['an invalid byte after valid text', 'ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0'],
  ...[7, 8, 9, 15, 16, 17].map((n) => [`an invalid byte after ${n} letters`, `${'61'.repeat(n)}ff`]),
];

const invalid = impossible.flatMap(([name, digits]) => {
  const bytes = hex(digits);
  return [
    ['rfc6455 8.1', `closes with 1007 on ${name}, in an incomplete frame`,
      frame(OP.TEXT, bytes, { announced: bytes.length + 100 }), BAD],
    ['rfc6455 8.1', `closes with 1007 on ${name}, in a fragment`, frame(OP.TEXT, bytes, { fin: false }), BAD],
    ...(bytes.length === 1 ? [] : [
      ['rfc6455 8.1', `closes with 1007 on ${name}, in fragments of one byte`,
        scattered(bytes, { fin: false }), BAD],
    ]),
  ];
});

const CUT_OFF = ['c2', 'df', 'e0', 'e2 82', 'ed 9f', 'f0 90', 'f0 9f 98', 'f4 8f bf', '61 e2 82'];

const unfinished = CUT_OFF.flatMap((digits) => [
  ['rfc6455 8.1', `closes with 1007 on a text that ends within a character (${digits})`,
    frame(OP.TEXT, hex(digits)), BAD],
  ['rfc6455 8.1', `closes with 1007 on a text that ends so in its last fragment (${digits})`,
    scattered(hex(digits), { fin: true }), BAD],
  ['rfc6455 8.1', `closes with 1007 on a text that ends so with an empty fragment (${digits})`,
    all(frame(OP.TEXT, hex(digits), { fin: false }), frame(OP.CONT, '')), BAD],
]);

const between = [
  ['rfc6455 5.6', 'accepts a character with pings between its bytes',
    scattered(Buffer.from('\u{1f388}'), { fin: true, between: frame(OP.PING, 'p') }),
    goesOn('pong p', 'pong p', 'pong p', 'text \u{1f388}')],
  ['rfc6455 8.1', 'closes with 1007 on an invalid byte after pings',
    scattered(hex('f0 9f 41'), { fin: false, between: frame(OP.PING, 'p') }),
    ends('pong p', 'pong p', 'close 1007')],
  ['rfc6455 5.6', 'accepts a character with an empty fragment between its bytes', all(
    frame(OP.TEXT, hex('e2'), { fin: false }), frame(OP.CONT, '', { fin: false }), frame(OP.CONT, hex('82ac'))),
  goesOn('text \u20ac')],
  ['rfc6455 8.1', 'does not continue a character in the next message', all(
    frame(OP.TEXT, 'a'), frame(OP.TEXT, hex('80'))), ends('text a', 'close 1007')],
  ['rfc6455 5.6', 'answers a ping of any bytes', frame(OP.PING, 'p\x01'), goesOn('pong p\x01')],
];

test('UTF-8 text', async (t) => {
  const server = await startEcho(t);
  await runEchoTable(t, server, [...valid, ...invalid, ...unfinished, ...between]);
});
