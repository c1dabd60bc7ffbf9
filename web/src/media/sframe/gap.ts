// After a frame was missed, a video decoder waits up to three seconds for a key frame that nobody was asked for. So ask.

/** At most one request in this time. */
export const REQUEST_GAP_MS = 500;

export class Gap {
  #open = false;
  #asked = Number.NEGATIVE_INFINITY;

  handleMissed(): void {
    this.#open = true;
  }

  /** Whether a key frame is to be asked for, now that a frame could be opened. */
  handleOpened(isKeyFrame: boolean, now: number): boolean {
    if (isKeyFrame) this.#open = false;
    if (!this.#open || now - this.#asked < REQUEST_GAP_MS) return false;
    this.#asked = now;
    return true;
  }
}
