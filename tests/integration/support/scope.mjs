// Stands for a test of Node's runner in programs that are run by hand: collects what must be undone.

export class Scope {
  #undo = [];

  after(undo) {
    this.#undo.push(undo);
  }

  diagnostic(text) {
    console.log(`  ${text}`);
  }

  async end() {
    for (const undo of this.#undo.splice(0)) await undo();
  }
}
