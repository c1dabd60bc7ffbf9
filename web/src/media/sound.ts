// Plays the audio slots. A page that was loaded without a click may not play sound before the next one: then `blocked` is true.

export class Sound {
  readonly #players: HTMLAudioElement[] = [];
  readonly #onBlocked: (blocked: boolean) => void;

  constructor(onBlocked: (blocked: boolean) => void) {
    this.#onBlocked = onBlocked;
  }

  add(track: MediaStreamTrack): void {
    const player = new Audio();
    player.autoplay = true;
    player.srcObject = new MediaStream([track]);
    this.#players.push(player);
    player.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#onBlocked(true);
    });
  }

  /** To be called from a click. */
  async unblock(): Promise<void> {
    await Promise.allSettled(this.#players.map((player) => player.play()));
    this.#onBlocked(false);
  }

  end(): void {
    for (const player of this.#players.splice(0)) {
      player.pause();
      player.srcObject = null;
    }
  }
}
