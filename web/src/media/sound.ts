// Plays the audio slots. A page that was loaded without a click may not play sound before the next one: then `blocked` is true.

import { choices, subscribeChoices } from "./choices";

export class Sound {
  readonly #players: HTMLAudioElement[] = [];
  readonly #onBlocked: (blocked: boolean) => void;
  readonly #unsubscribe: () => void;

  constructor(onBlocked: (blocked: boolean) => void) {
    this.#onBlocked = onBlocked;
    this.#unsubscribe = subscribeChoices(() => this.route());
  }

  add(track: MediaStreamTrack): void {
    const player = new Audio();
    player.autoplay = true;
    player.srcObject = new MediaStream([track]);
    this.#players.push(player);
    void setSpeaker(player, choices().speaker);
    player.play().catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.#onBlocked(true);
    });
  }

  /** To the chosen speaker. */
  route(): void {
    for (const player of this.#players) void setSpeaker(player, choices().speaker);
  }

  /** To be called from a click. */
  async unblock(): Promise<void> {
    await Promise.allSettled(this.#players.map((player) => player.play()));
    this.#onBlocked(false);
  }

  /** A new connection brings new players. */
  clear(): void {
    for (const player of this.#players.splice(0)) {
      player.pause();
      player.srcObject = null;
    }
  }

  end(): void {
    this.#unsubscribe();
    this.clear();
  }
}

/** One that is gone leaves the sound with the system's own choice. */
export async function setSpeaker(player: HTMLAudioElement, id: string | null): Promise<void> {
  if (!canChooseSpeaker() || player.sinkId === (id ?? "")) return;
  await player.setSinkId(id ?? "").catch(() => player.setSinkId("").catch(() => undefined));
}

export function canChooseSpeaker(): boolean {
  return typeof HTMLMediaElement !== "undefined" && "setSinkId" in HTMLMediaElement.prototype;
}
