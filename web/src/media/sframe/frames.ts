// Whole encoded frames: what a sender's and a receiver's transform do with each, without a browser's types.
//
// A sealed frame is: clear bytes | SFrame header | ciphertext | tag. No key, no frame: in neither direction does anything pass unsealed.

import { type Bytes, joined, open, seal, TAG_BYTES } from "./cipher";
import { clearBytes, type Kind } from "./codecs";
import { decodeHeader } from "./header";
import { CONTEXT_CAMERA, CONTEXT_SCREEN, fromKid, type KeyRing } from "./keyring";

/** Why a frame was dropped. */
export type Refusal = "noKey" | "unknownCodec" | "malformed" | "replayed" | "forged";

export type Counts = { sealed: number; opened: number; keyFrameRequests: number } & Record<Refusal, number>;

export type Opened = { data: Bytes; leaf: number; screen: boolean };

export type Refused = { refused: Refusal };

export class Frames {
  readonly counts: Counts = {
    sealed: 0,
    opened: 0,
    keyFrameRequests: 0,
    noKey: 0,
    unknownCodec: 0,
    malformed: 0,
    replayed: 0,
    forged: 0,
  };
  readonly #keys: KeyRing;
  /** Pictures that are sealed show the screen. */
  sharing = false;
  #counter: bigint;

  /** `firstCounter` must be above every counter that this device used under the same keys before: see `firstCounter` in frame-worker.ts. */
  constructor(keys: KeyRing, firstCounter: bigint) {
    this.#keys = keys;
    this.#counter = firstCounter;
  }

  async seal(kind: Kind, mimeType: string | undefined, frame: Bytes): Promise<Bytes | null> {
    const context = kind === "video" && this.sharing ? CONTEXT_SCREEN : CONTEXT_CAMERA;
    const sealing = this.#keys.sealing(context);
    if (!sealing) return this.#unsealed("noKey");
    const clearLength = clearBytes(kind, mimeType, frame);
    if (clearLength === null) return this.#unsealed("unknownCodec");
    const counter = this.#counter++; // one for all streams: a number is used once under any key
    const { frameKey } = await sealing.sender;
    const clear = frame.subarray(0, clearLength);
    const sealed = await seal(frameKey, { kid: sealing.kid, counter }, clear, frame.subarray(clearLength));
    this.counts.sealed++;
    return joined(clear, sealed);
  }

  async open(kind: Kind, mimeType: string | undefined, frame: Bytes, now: number): Promise<Opened | Refused> {
    const clearLength = clearBytes(kind, mimeType, frame);
    if (clearLength === null) return this.#refused("unknownCodec");
    const sealed = frame.subarray(clearLength);
    const header = decodeHeader(sealed);
    if (!header || sealed.length < header.length + TAG_BYTES) return this.#refused("malformed");
    const opening = this.#keys.opening(header.kid, now);
    if (!opening) return this.#refused("noKey");
    const { frameKey, windows } = await opening.sender;
    if (!windows[kind].isFresh(header.counter)) return this.#refused("replayed");
    const clear = frame.subarray(0, clearLength);
    const plain = await open(frameKey, sealed, clear).catch(() => null);
    if (!plain) return this.#refused("forged");
    // Asked again: the same frame may have come by two streams while this one was being opened.
    if (!opening.prove() || !windows[kind].isFresh(header.counter)) return this.#refused("replayed");
    windows[kind].note(header.counter);
    this.counts.opened++;
    const { leaf, context } = fromKid(header.kid);
    return { data: joined(clear, plain), leaf, screen: context === CONTEXT_SCREEN };
  }

  #refused(refused: Refusal): Refused {
    this.counts[refused]++;
    return { refused };
  }

  #unsealed(why: Refusal): null {
    this.counts[why]++;
    return null;
  }
}
