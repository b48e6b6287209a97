// Stops what a test started, in reverse order, when the test is over, whether it passed or failed.
// A stop that fails (an exit status, a report of a sanitizer) fails the test.

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
      // A diagnostic as well, since the runner keeps only the first failure of a test.
      t.diagnostic(`while cleaning up: ${error.message}`);
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
