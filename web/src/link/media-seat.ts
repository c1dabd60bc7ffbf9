// Of all open pages one takes part in calls. It holds a lock for as long; the page in which somebody joins takes it over.

const LOCK = "umweg.media";

export type Seat = { taken: () => void; lost: () => void };

export class MediaSeat {
  readonly #seat: Seat;
  #held = false;

  constructor(seat: Seat) {
    this.#seat = seat;
    this.#request({});
  }

  /** Somebody starts or joins a call here. */
  async claim(): Promise<void> {
    if (this.#held) return;
    await new Promise<void>((resolve) => this.#request({ steal: true }, resolve));
  }

  #request(options: LockOptions, taken?: () => void): void {
    const hold = (): Promise<never> => {
      this.#held = true;
      this.#seat.taken();
      taken?.();
      return new Promise<never>(() => undefined);
    };
    navigator.locks.request(LOCK, options, hold).catch(() => {
      // Taken over by another page: stand in line again, for when that one is closed.
      this.#held = false;
      this.#seat.lost();
      this.#request({});
    });
  }
}
