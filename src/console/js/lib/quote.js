// Commands for a shell that publish a message again.
//
// A command is pasted into a terminal, so no byte of the message may reach it as it is unless it prints:
// an escape sequence can end the terminal's bracketed paste, a tab completes names, a NUL cannot be
// part of an argument at all. A message with such characters therefore goes through printf, which makes
// them from octal numbers. A long message does too, because the length of an argument is limited and
// printf is part of the shell.

import { HIDDEN } from './visible.js';

const LONGEST_ARGUMENT = 40_000; // characters, of up to three bytes; Linux permits 128 KiB

/** The text as one word of a POSIX shell. It must have no control characters. */
export function quote(text) {
  return /^[\w@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function octal(char) {
  const bytes = new TextEncoder().encode(char);
  return Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}

/** A printf command that writes exactly this text. A dash at the beginning would make it an option. */
function printf(text) {
  const format = text.replaceAll('\\', '\\\\').replaceAll('%', '%%').replace(/^-/, octal).replace(HIDDEN, octal);
  return text.search(HIDDEN) < 0 ? `printf %s ${quote(text)}` : `printf ${quote(format)}`;
}

function needsPipe(text) {
  return text.length > LONGEST_ARGUMENT || text.search(HIDDEN) >= 0;
}

/** `base` is the http(s) address of the server, with a slash at its end. */
export function asCurl({ topic, text }, { base, hasToken }) {
  const header = hasToken ? ' -H "Authorization: Bearer $EVENTHUB_TOKEN"' : '';
  const url = quote(new URL(topic, base).href);
  if (needsPipe(text)) return `${printf(text)} | curl${header} --data-binary @- ${url}`;
  return `curl${header} --data-raw ${quote(text)} ${url}`;
}

/** As asCurl, with the project's own tool, which takes the token from EVENTHUB_TOKEN itself. */
export function asTool({ topic, text }, { base }) {
  const url = quote(base.replace(/^http/, 'ws').replace(/\/$/, ''));
  const start = `eventhubctl pub --url ${url}`;
  if (needsPipe(text)) return `${printf(text)} | ${start} -f - ${quote(topic)}`;
  return `${start} -- ${quote(topic)} ${quote(text)}`;
}
