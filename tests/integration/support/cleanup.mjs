// What a test started is stopped in the reverse order when the test is over, whatever happened.
// A failing stop (an exit status, a sanitizer's report) fails the test.

const stacks = new WeakMap();

export function defer(t, undo) {
  if (!stacks.has(t)) {
    stacks.set(t, []);
    t.after(() => unwind(t, stacks.get(t)));
  }
  stacks.get(t).push(undo);
}

async function unwind(t, stack) {
  const errors = [];
  while (stack.length > 0) {
    try {
      await stack.pop()();
    } catch (error) {
      // Also said aloud: the runner keeps only the first failure of a test.
      t.diagnostic(`while cleaning up: ${error.message}`);
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
