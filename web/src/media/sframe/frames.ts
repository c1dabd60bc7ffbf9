// Whole encoded frames: what a sender's and a receiver's transform do with each, without a browser's types.
//
// A sealed frame is: clear bytes | SFrame header | ciphertext | tag. No key, no frame: in neither direction does anything pass unsealed.

import { type Bytes, joined, open, seal, TAG_BYTES } from "./cipher";
import { clearBytes, type Kind, unwrapped, wrapped } from "./codecs";
import { decodeHeader } from "./header";
import { CONTEXT_CAMERA, CONTEXT_SCREEN, fromKid, type KeyRing } from "./keyring";
import { type Block, blocksOf, isRedundant, payloadOf } from "./redundancy";

/** Sealed sound that is kept for being sent once more: browsers repeat one or two frames. */
const REPEATED_MAX = 4;

/** Why a frame was dropped. */
export type Refusal = "noKey" | "unknownCodec" | "malformed" | "replayed" | "forged";

export type Counts = {
  sealed: number;
  opened: number;
  /** Sound that was lost, and came with a later packet. */
  recovered: number;
  /** Opened, and somebody else's than the service says. */
  misplaced: number;
  keyFrameRequests: number;
} & Record<Refusal, number>;

export type Opened = { data: Bytes; leaf: number; screen: boolean };

export type Refused = { refused: Refusal };

export class Frames {
  readonly counts: Counts = {
    sealed: 0,
    opened: 0,
    recovered: 0,
    misplaced: 0,
    keyFrameRequests: 0,
    noKey: 0,
    unknownCodec: 0,
    malformed: 0,
    replayed: 0,
    forged: 0,
  };
  readonly #keys: KeyRing;
  /** The microphone's newest frame as it left: ciphertext. */
  newestSound: Bytes | null = null;
  #counter: bigint;
  /** Sealed sound by its time. */
  readonly #sent = new Map<number, Bytes>();

  /** `firstCounter` must be above every counter that this device used under the same keys before: see `firstCounter` in frame-worker.ts. */
  constructor(keys: KeyRing, firstCounter: bigint) {
    this.#keys = keys;
    this.#counter = firstCounter;
  }

  /** `time`: the frame's, in its own clock. `screen`: it shows the screen; sound always goes with the camera. */
  async seal(
    kind: Kind,
    mimeType: string | undefined,
    frame: Bytes,
    { time = 0, isKey = false, screen = false }: { time?: number; isKey?: boolean; screen?: boolean } = {},
  ): Promise<Bytes | null> {
    if (kind === "video") {
      const sealed = await this.#seal(kind, mimeType, frame, screen ? CONTEXT_SCREEN : CONTEXT_CAMERA);
      return sealed && wrapped(kind, mimeType, sealed, isKey);
    }
    const blocks = isRedundant(mimeType) ? blocksOf(frame) : null;
    const newest = blocks?.pop();
    if (isRedundant(mimeType) && !newest) return this.#unsealed("malformed");
    const sealed = await this.#seal(kind, newest ? undefined : mimeType, newest?.bytes ?? frame, CONTEXT_CAMERA);
    // A copy: a browser takes the buffer of what leaves.
    if (sealed) this.newestSound = sealed.slice();
    if (!sealed || !blocks || !newest) return sealed;
    // What is sent again is the same frame, not the same sound under a new number: that is how the other end knows it.
    const again = blocks.flatMap((block) => {
      const bytes = this.#sent.get((time - block.older) >>> 0);
      return bytes ? [{ ...block, bytes }] : [];
    });
    this.#sent.set(time >>> 0, sealed);
    const [oldest] = this.#sent.keys();
    if (this.#sent.size > REPEATED_MAX && oldest !== undefined) this.#sent.delete(oldest);
    return payloadOf([...again, { ...newest, bytes: sealed }]);
  }

  async open(kind: Kind, mimeType: string | undefined, frame: Bytes, now: number): Promise<Opened | Refused> {
    if (kind === "video" || !isRedundant(mimeType)) return this.#open(kind, mimeType, frame, now);
    const blocks = blocksOf(frame);
    const newest = blocks?.pop();
    if (!blocks || !newest) return this.#refused("malformed");
    const older: (Block & { leaf: number })[] = [];
    for (const block of blocks) {
      const missed = await this.#try(kind, undefined, block.bytes, now);
      if (!("refused" in missed)) older.push({ ...block, bytes: missed.data, leaf: missed.leaf });
    }
    const opened = await this.#open(kind, undefined, newest.bytes, now);
    if ("refused" in opened) return opened;
    const missed = older.filter(({ leaf }) => leaf === opened.leaf);
    this.counts.recovered += missed.length;
    return { ...opened, data: payloadOf([...missed, { ...newest, bytes: opened.data }]) };
  }

  /**
   * Whatever is sealed in a call passes here, in one worker, and takes its number without a pause: camera and screen have keys of
   * their own (their key ids differ, RFC 9605, section 5.2), and would not repeat a nonce even under one.
   */
  async #seal(kind: Kind, mimeType: string | undefined, frame: Bytes, context: number): Promise<Bytes | null> {
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

  async #open(kind: Kind, mimeType: string | undefined, frame: Bytes, now: number): Promise<Opened | Refused> {
    const opened = await this.#try(kind, mimeType, frame, now);
    if ("refused" in opened) return this.#refused(opened.refused);
    this.counts.opened++;
    return opened;
  }

  async #try(kind: Kind, mimeType: string | undefined, arrived: Bytes, now: number): Promise<Opened | Refused> {
    const frame = unwrapped(kind, mimeType, arrived);
    if (!frame) return { refused: "malformed" };
    const clearLength = clearBytes(kind, mimeType, frame);
    if (clearLength === null) return { refused: "unknownCodec" };
    const sealed = frame.subarray(clearLength);
    const header = decodeHeader(sealed);
    if (!header || sealed.length < header.length + TAG_BYTES) return { refused: "malformed" };
    const opening = this.#keys.opening(header.kid, now);
    if (!opening) return { refused: "noKey" };
    const { frameKey, windows } = await opening.sender;
    if (!windows[kind].isFresh(header.counter)) return { refused: "replayed" };
    const clear = frame.subarray(0, clearLength);
    const plain = await open(frameKey, sealed, clear).catch(() => null);
    if (!plain) return { refused: "forged" };
    // Asked again: the same frame may have come by two streams while this one was being opened.
    if (!opening.prove() || !windows[kind].isFresh(header.counter)) return { refused: "replayed" };
    windows[kind].note(header.counter);
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
