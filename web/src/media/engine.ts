// The media engine: takes the app's media events, holds at most one call's session, and says what it has. No screen in here.

import type { MediaEvent, View } from "../contract";
import { Capture, type CaptureSnapshot, type Lost } from "./capture";
import { type MediaSnapshot, type SendCommand, Session } from "./session";
import type { MediaStats } from "./stats";

export class MediaEngine {
  readonly #command: SendCommand;
  readonly #onLost: (lost: Lost) => void;
  readonly #listeners = new Set<() => void>();
  #capture: Capture | null = null;
  #session: Session | null = null;
  #snapshot: MediaSnapshot | null = null;
  #captured: CaptureSnapshot | null = null;
  /** How many screens show the own camera before a call. */
  #lobbies = 0;

  constructor(command: SendCommand, onLost: (lost: Lost) => void = () => undefined) {
    this.#command = command;
    this.#onLost = onLost;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): MediaSnapshot | null => this.#snapshot;

  /** Null while neither a call nor a lobby uses microphone or camera. */
  readonly captured = (): CaptureSnapshot | null => this.#captured;

  /** How loud the own microphone is, from 0 to 1. */
  readonly level = (): number => this.#capture?.level() ?? 0;

  async handleEvent(event: MediaEvent): Promise<void> {
    // Nothing else opens the microphone: whoever has left may still be on the way out of the keys.
    if (event.kind === "makeOffer") return this.#sessionOf(event.call).handleMakeOffer(event);
    const session = this.#session;
    if (session?.call !== event.call) return;
    switch (event.kind) {
      case "stop":
        return this.stop();
      case "answer":
        return session.handleAnswer(event.sdp);
      case "keys":
        return session.handleKeys(event.epoch, event.leaf, event.baseKey);
      case "slots":
        return session.handleSlots(event.slots);
    }
  }

  /** The view's word on this device: it may have left, and its microphone and camera are on or off. */
  handleView({ calls, call, road }: View): void {
    const session = this.#session;
    if (!session) return;
    const own = call?.id === session.call ? call : null;
    const state = (own ?? calls.find((row) => row.id === session.call))?.state.kind;
    if (state !== "in" && state !== "joining") this.stop();
    else if (own) session.handleView(own, road);
  }

  /** Before a call: the microphone's level, and the camera's picture if wished. Ends with the returned function. */
  openLobby(): () => void {
    this.#lobbies++;
    this.#captureNow();
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#lobbies--;
      // Who joins takes microphone and camera along; the session comes a moment after the screen has changed.
      setTimeout(() => this.#release(), LOBBY_KEPT_MS);
    };
  }

  async capture(wants: { microphone?: boolean; camera?: boolean }): Promise<void> {
    if (!this.#session) await this.#capture?.want(wants);
  }

  /** Asks the browser once more for what it refused. */
  async askAgain(device: "microphone" | "camera"): Promise<void> {
    this.#capture?.forgive(device);
    await this.#capture?.want({ [device]: true });
  }

  async setMuted(muted: boolean): Promise<void> {
    await this.#session?.setMuted(muted);
  }

  async setCamera(on: boolean): Promise<void> {
    await this.#session?.setCamera(on);
  }

  async setSharing(on: boolean): Promise<void> {
    await this.#session?.setSharing(on);
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
    this.#release();
    this.#setSnapshot(null);
  }

  #sessionOf(call: string): Session {
    if (this.#session?.call !== call) {
      this.#session?.end();
      this.#session = new Session(call, this.#captureNow(), this.#command, (snapshot) => this.#setSnapshot(snapshot));
      this.#setSnapshot(this.#session.snapshot);
    }
    return this.#session;
  }

  #captureNow(): Capture {
    this.#capture ??= new Capture((captured) => this.#setCaptured(captured), this.#onLost);
    if (!this.#captured) this.#setCaptured(this.#capture.snapshot);
    return this.#capture;
  }

  #release(): void {
    if (this.#session || this.#lobbies > 0 || !this.#capture) return;
    this.#capture.end();
    this.#capture = null;
    this.#setCaptured(null);
  }

  #setCaptured(captured: CaptureSnapshot | null): void {
    const before = this.#captured;
    this.#captured = captured;
    const changed = (["microphone", "camera", "cameraTrouble"] as const).some(
      (each) => before?.[each] !== captured?.[each],
    );
    if (captured && changed) this.#session?.handleCapture();
    this.#tell();
  }

  #setSnapshot(snapshot: MediaSnapshot | null): void {
    this.#snapshot = snapshot;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const LOBBY_KEPT_MS = 1_500;
