// The media engine: takes the app's media events, holds at most one call's session, and says what it has. No screen in here.

import type { MediaEvent, View } from "../contract";
import { type MediaSnapshot, type SendCommand, Session } from "./session";
import type { MediaStats } from "./stats";

export class MediaEngine {
  readonly #command: SendCommand;
  readonly #listeners = new Set<() => void>();
  #session: Session | null = null;
  #snapshot: MediaSnapshot | null = null;

  constructor(command: SendCommand) {
    this.#command = command;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): MediaSnapshot | null => this.#snapshot;

  async handleEvent(event: MediaEvent): Promise<void> {
    if (event.kind === "stop") {
      if (event.call === this.#session?.call) this.stop();
      return;
    }
    const session = this.#sessionOf(event.call);
    switch (event.kind) {
      case "makeOffer":
        return session.handleMakeOffer(event);
      case "answer":
        return session.handleAnswer(event.sdp);
      case "keys":
        return session.handleKeys(event.epoch, event.leaf, event.baseKey);
      case "slots":
        return session.handleSlots(event.slots);
    }
  }

  /** The view's word on this device: it may have left, and its microphone and camera are on or off. */
  handleView({ calls, call }: View): void {
    const session = this.#session;
    if (!session) return;
    const own = call?.id === session.call ? call : null;
    const state = (own ?? calls.find((row) => row.id === session.call))?.state.kind;
    if (state !== "in" && state !== "joining") this.stop();
    else if (own) session.handleView(own);
  }

  async setMuted(muted: boolean): Promise<void> {
    await this.#session?.setMuted(muted);
  }

  async setCamera(on: boolean): Promise<void> {
    await this.#session?.setCamera(on);
  }

  async unblockSound(): Promise<void> {
    await this.#session?.unblockSound();
  }

  /** For `window.umweg.stats()`. */
  async stats(): Promise<MediaStats | null> {
    return (await this.#session?.stats()) ?? null;
  }

  /** For `window.umweg.lastSealed()`. */
  async lastSealed(): Promise<Uint8Array | null> {
    return (await this.#session?.lastSealed()) ?? null;
  }

  /** Microphone and camera are free at once. */
  stop(): void {
    this.#session?.end();
    this.#session = null;
    this.#setSnapshot(null);
  }

  #sessionOf(call: string): Session {
    if (this.#session?.call !== call) {
      this.stop();
      this.#session = new Session(call, this.#command, (snapshot) => this.#setSnapshot(snapshot));
      this.#setSnapshot(this.#session.snapshot);
    }
    return this.#session;
  }

  #setSnapshot(snapshot: MediaSnapshot | null): void {
    this.#snapshot = snapshot;
    for (const listener of this.#listeners) listener();
  }
}
