// How long the sound of one person waits to be even, where it comes over TCP by a proxy and so in bursts.
//
// The browser finds its own measure, but from the last seconds, and forgets a burst before the next one comes. So it is given a least
// time: generous at first, more after a gap was heard, and less again the longer none was.

const FIRST_MS = 280;
const LEAST_MS = 80;
const MOST_MS = 480;
const GROWS_BY = 1.4;
const SHRINKS_BY_MS = 20;
/** A share of the sound that had to be made up: above this there was a gap. */
const GAP = 0.01;
/** So many looks without a gap, and it waits less. */
const CALM_LOOKS = 5;

export class Waiting {
  #ms = FIRST_MS;
  #calm = 0;

  get ms(): number {
    return Math.round(this.#ms);
  }

  /** `madeUp`: of the sound since the last look, from 0 to 1. */
  handleLook(madeUp: number): void {
    this.#calm = madeUp > GAP ? 0 : this.#calm + 1;
    if (this.#calm === 0) this.#ms = Math.min(MOST_MS, this.#ms * GROWS_BY);
    if (this.#calm < CALM_LOOKS) return;
    this.#calm = 0;
    this.#ms = Math.max(LEAST_MS, this.#ms - SHRINKS_BY_MS);
  }
}
