// Refuses frames that came before: SFrame leaves this to the application (RFC 9605, section 9.3).

/** How far behind the newest frame one may come: about seven seconds of a sender's frames of all kinds. */
export const REORDER_MAX = 1024;

/** The counters seen under one key id in one kind of stream. */
export class ReplayWindow {
  #newest = -1n;
  readonly #seen = new Uint8Array(REORDER_MAX);

  isFresh(counter: bigint): boolean {
    if (counter > this.#newest) return true;
    return this.#newest - counter < BigInt(REORDER_MAX) && this.#seen[slot(counter)] === 0;
  }

  /** To be called for authenticated frames only; anything else could push the window forward. */
  note(counter: bigint): void {
    if (counter > this.#newest) {
      this.#forget(counter);
      this.#newest = counter;
    }
    this.#seen[slot(counter)] = 1;
  }

  /** Frees the places between the newest so far and `counter`. */
  #forget(counter: bigint): void {
    if (counter - this.#newest >= BigInt(REORDER_MAX)) {
      this.#seen.fill(0);
      return;
    }
    for (let passed = this.#newest + 1n; passed <= counter; passed += 1n) this.#seen[slot(passed)] = 0;
  }
}

function slot(counter: bigint): number {
  return Number(counter % BigInt(REORDER_MAX));
}
