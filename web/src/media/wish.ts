// A switch that the person turns here and that the app confirms later.
//
// Until the app has confirmed it, the person's own wish counts: a snapshot that was under way must not unmute anybody.

export class Wish {
  #confirmed: boolean;
  #wanted: boolean | null = null;

  constructor(initial: boolean) {
    this.#confirmed = initial;
  }

  get value(): boolean {
    return this.#wanted ?? this.#confirmed;
  }

  want(value: boolean): void {
    this.#wanted = value === this.#confirmed ? null : value;
  }

  /** The app refused: back to what it holds. */
  giveUp(): void {
    this.#wanted = null;
  }

  confirm(value: boolean): void {
    this.#confirmed = value;
    if (this.#wanted === value) this.#wanted = null;
  }
}
