// secret_field.js - the field for a secret. The secret stays in it: nothing stores or sends it.

import { AS_TYPED, button, field, make } from '../dom.js';

/** { input, element }: the field with a button that shows the secret. */
export function secretField(label, name, hint) {
  const input = make('input', {
    class: 'input data', type: 'password', name, ...AS_TYPED,
  });
  const show = button('Show', () => {
    const isShown = input.type === 'text';
    input.type = isShown ? 'password' : 'text';
    show.setAttribute('aria-pressed', String(!isShown));
  }, { 'aria-pressed': 'false', 'aria-label': `Show: ${label}` });
  const labelled = field(label, input, { hint, class: 'grow' });
  return { input, element: make('div', { class: 'row row-top' }, labelled, show) };
}
