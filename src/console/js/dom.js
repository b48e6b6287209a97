// dom.js - makes elements. Strings become text nodes, never markup, so data of any kind can be passed.

/**
 * An element with these attributes and children. `class`, `href` and so on are attributes; `onclick` and
 * other names that begin with "on" are functions; true is an attribute without a value; false, null and
 * undefined are left out, also among the children.
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element[name] = value;
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child || child === 0 || child === ''));
  return element;
}

/** Attributes of a control that takes what is typed as it is: no browser completes or corrects it. */
export const AS_TYPED = { autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' };

const SVG = 'http://www.w3.org/2000/svg';

/** An element of a drawing, with these attributes and this text. */
export function draw(tag, attributes, text = '') {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

/** A button that does something; not one that submits a form. */
export function button(text, onclick, attributes = {}) {
  return make('button', { type: 'button', class: 'button', onclick, ...attributes }, text);
}

let fields = 0;

/** A control with its label above it and, if given, a hint below, which describes the control. */
export function field(label, control, { hint, ...attributes } = {}) {
  control.id ||= `field-${++fields}`;
  const hintId = `${control.id}-hint`;
  if (hint) control.setAttribute('aria-describedby', hintId);
  return make('div', { ...attributes, class: `field ${attributes.class ?? ''}`.trim() },
    make('label', { class: 'label', for: control.id }, label), control,
    hint && make('span', { class: 'hint', id: hintId }, hint));
}

/** Replaces the children of the element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(2).filter((child) => child || child === 0));
}

/** Sets the text only if it differs, so that an element that is checked often is painted rarely. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
