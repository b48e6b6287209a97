// A JSON text as a tree that can be opened and searched.
//
// Numbers keep their spelling and names their order, also repeated ones, because somebody who looks at a
// message wants to see what was sent. JSON.parse would round 12345678901234567890. Nesting is kept on a
// stack of our own, so that a message of a million brackets cannot exhaust the browser's.

const TOKEN = /\s*(?:([[\]{}:,])|("[^"\\]*(?:\\.[^"\\]*)*")|([^\s[\]{}:,"]+))/gsy;

function scalar(word) {
  if (word.startsWith('"')) return { kind: 'string', text: JSON.parse(word) };
  return { kind: /^[-\d]/.test(word) ? 'number' : 'word', text: word };
}

/** The tree of a text that is JSON. */
function treeOf(text) {
  let parent = null;
  let name = null;
  let root = null;
  const add = (node) => {
    const key = parent?.kind === 'array' ? parent.items.length : name;
    Object.assign(node, { key, parent });
    parent?.items.push(node);
    root ??= node;
    name = null;
  };
  for (const [, sign, string, word] of text.matchAll(TOKEN)) {
    if (sign === '{' || sign === '[') {
      const node = { kind: sign === '{' ? 'object' : 'array', items: [], isOpen: true };
      add(node);
      parent = node;
    } else if (sign === '}' || sign === ']') {
      parent = parent.parent;
    } else if (string && parent.kind === 'object' && name === null) {
      name = JSON.parse(string);
    } else if (string || word) {
      add(scalar(string ?? word));
    }
  }
  return root;
}

/**
 * The tree of a text that is a JSON object or array; null for every other text. A node has
 * { key, kind, parent, isOpen }, and `items` if its kind is object or array, or else `text`. The kinds
 * of scalars are string, number and word (true, false, null). `key` is a name, an index, or null.
 */
export function parseJson(text) {
  if (!/^\s*[[{]/.test(text)) return null;
  try {
    JSON.parse(text);
    return treeOf(text);
  } catch {
    return null; // no JSON, or with millions of escapes in one string, which exhaust a regular expression
  }
}

/** Closes nodes so that at most about `most` lines are open: the outer ones stay open. */
export function openOuter(root, most) {
  let level = [root];
  let lines = 0;
  while (level.length > 0) {
    const next = level.flatMap((node) => node.items.filter((item) => item.items));
    lines += level.reduce((sum, node) => sum + node.items.length + 1, 0);
    const isOpen = lines <= most || level[0] === root;
    for (const node of level) node.isOpen = isOpen;
    level = next;
  }
}

/**
 * The lines of the open part of the tree: { node, depth, isEnd }. isEnd is the line with the closing
 * bracket. At most `most` lines.
 */
export function openLines(root, most = Infinity) {
  const lines = [];
  const stack = [{ node: root, depth: 0, isEnd: false }];
  while (stack.length > 0 && lines.length < most) {
    const line = stack.pop();
    lines.push(line);
    const { node, depth, isEnd } = line;
    if (isEnd || !node.items?.length || !node.isOpen) continue;
    stack.push({ node, depth, isEnd: true });
    for (let i = node.items.length - 1; i >= 0; i--) {
      stack.push({ node: node.items[i], depth: depth + 1, isEnd: false });
    }
  }
  return lines;
}

/** The nodes whose name or scalar `has`, in the order of the text; at most `most`. */
export function findNodes(root, has, most = 1000) {
  const found = [];
  const stack = [root];
  while (stack.length > 0 && found.length < most) {
    const node = stack.pop();
    if ((typeof node.key === 'string' && has(node.key)) || (node.text !== undefined && has(node.text))) {
      found.push(node);
    }
    for (let i = (node.items?.length ?? 0) - 1; i >= 0; i--) stack.push(node.items[i]);
  }
  return found;
}

/** Opens everything around the node. */
export function reveal(node) {
  for (let at = node.parent; at; at = at.parent) at.isOpen = true;
}
