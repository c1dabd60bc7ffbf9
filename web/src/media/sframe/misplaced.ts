// A service that puts one person's stream under another's name.
//
// The key id says who sealed a frame, so nothing is shown under a wrong name; this notices that it goes on. The app's word on who is
// in a slot and the frames come by different ways: for some seconds they may differ.

/** Longer than a roster lags behind. */
export const MISPLACED_AFTER_MS = 15_000;

export class Misplaced {
  #expected: number | null = null;
  #since: number | null = null;

  /** Whose stream it is by the roster; null: nobody's, or not known. */
  expect(leaf: number | null): void {
    if (leaf !== this.#expected) this.#since = null;
    this.#expected = leaf;
  }

  /** Whether somebody else's frames have been coming for so long. */
  handleOpened(leaf: number, now: number): boolean {
    if (this.#expected === null || leaf === this.#expected) {
      this.#since = null;
      return false;
    }
    this.#since ??= now;
    return now - this.#since >= MISPLACED_AFTER_MS;
  }
}
