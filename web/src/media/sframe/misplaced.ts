// A service that puts one person's stream under another's name, or a screen in the place of a camera.
//
// The key id says who sealed a frame, so nothing is shown under a wrong name; this notices that it goes on. The app's word on who is
// in a slot and the frames come by different ways: for some seconds they may differ.

import type { Source } from "../protocol";

/** Longer than a roster lags behind. */
export const MISPLACED_AFTER_MS = 15_000;

export class Misplaced {
  #expected: Source | null = null;
  #since: number | null = null;

  /** Null: nobody's, or not known. */
  expect(source: Source | null): void {
    if (source?.leaf !== this.#expected?.leaf || source?.screen !== this.#expected?.screen) this.#since = null;
    this.#expected = source;
  }

  /** Whether somebody else's frames, or others of theirs, have been coming for so long. */
  handleOpened({ leaf, screen }: Source, now: number): boolean {
    if (this.#expected === null || (leaf === this.#expected.leaf && screen === this.#expected.screen)) {
      this.#since = null;
      return false;
    }
    this.#since ??= now;
    return now - this.#since >= MISPLACED_AFTER_MS;
  }
}
