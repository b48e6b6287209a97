// Makes characters visible that have no shape or that move others: a message must not look like
// something that it is not.

/** Control characters; marks and overrides of writing direction; separators of lines; a byte order mark. */
export const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const EXCEPT_LAYOUT = new RegExp(HIDDEN.source.replace('\\u0000-\\u001f', '\\u0000-\\u0008\\u000b-\\u001f'), 'g');

const SIGNS = { '\t': '\u2192', '\n': '\u21b5', '\r\n': '\u21b5' };

/** The number of the character, isolated so that text from right to left does not turn it round. */
function shape(char) {
  const number = char.charCodeAt(0).toString(16).padStart(4, '0');
  return `\u2066\\u${number}\u2069`;
}

/** The text in one line: a tab and the end of a line become visible signs too. */
export function visibleLine(text) {
  return text.replace(/\r\n|\n|\t/g, (char) => SIGNS[char]).replace(HIDDEN, shape);
}

/** The text with its lines and tabs. */
export function visibleText(text) {
  return text.replaceAll('\r\n', '\n').replace(EXCEPT_LAYOUT, shape);
}
