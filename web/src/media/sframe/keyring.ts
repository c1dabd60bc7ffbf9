// The keys of a call. The newest epoch seals; the one before opens for a few seconds more, for frames under way.
//
// key id = (context << 16 | leaf) << 8 | epoch mod 256     (RFC 9605, section 5.2, with S = 16 and E = 8)

import { deriveFrameKey, type FrameKey } from "./cipher";
import type { Kind } from "./codecs";
import { ReplayWindow } from "./replay";

/** After a newer epoch came, an older one opens for this long. */
export const OLD_KEYS_KEPT_MS = 10_000;
/** Senders of one epoch whose frames were authentic: 32 devices, two contexts each, and room. */
const PROVED_MAX = 256;
/** Key ids that sealed nothing authentic yet: the SFU can invent any number of them. */
const UNPROVED_MAX = 16;

/** What a frame shows: camera and microphone, or a shared screen. Sealed with the frame, so nobody on the way can change it. */
export const CONTEXT_CAMERA = 0;
export const CONTEXT_SCREEN = 1;

export type KeyId = { context: number; leaf: number; epochBits: number };

export function toKid({ context, leaf, epochBits }: KeyId): bigint {
  return (((BigInt(context) << 16n) | BigInt(leaf)) << 8n) | BigInt(epochBits);
}

export function fromKid(kid: bigint): KeyId {
  return { context: Number(kid >> 24n), leaf: Number((kid >> 8n) & 0xffffn), epochBits: Number(kid & 0xffn) };
}

/** A sender's key with what was seen of it. */
export class Sender {
  readonly frameKey: FrameKey;
  readonly windows: Record<Kind, ReplayWindow> = { audio: new ReplayWindow(), video: new ReplayWindow() };

  constructor(frameKey: FrameKey) {
    this.frameKey = frameKey;
  }
}

/** The base key of an epoch and the senders' keys that were derived from it. */
class Epoch {
  readonly number: number;
  readonly leaf: number;
  readonly #base: CryptoKey;
  readonly #proved = new Map<bigint, Promise<Sender>>();
  readonly #unproved = new Map<bigint, Promise<Sender>>();
  retiresAt = Number.POSITIVE_INFINITY;

  constructor(number: number, leaf: number, base: CryptoKey) {
    this.number = number;
    this.leaf = leaf;
    this.#base = base;
  }

  sender(kid: bigint): Promise<Sender> {
    const known = this.#proved.get(kid) ?? this.#unproved.get(kid);
    if (known) return known;
    const derived = deriveFrameKey(this.#base, kid).then((key) => new Sender(key));
    this.#unproved.set(kid, derived);
    const [oldest] = this.#unproved.keys();
    if (this.#unproved.size > UNPROVED_MAX && oldest !== undefined) this.#unproved.delete(oldest);
    return derived;
  }

  /** A frame of it was authentic: its key and its window stay until the epoch goes. False: no room for it. */
  prove(kid: bigint): boolean {
    if (this.#proved.has(kid)) return true;
    const derived = this.#unproved.get(kid);
    if (!derived || this.#proved.size >= PROVED_MAX) return false;
    this.#unproved.delete(kid);
    this.#proved.set(kid, derived);
    return true;
  }
}

export class KeyRing {
  #epochs: Epoch[] = [];

  /** Later epochs replace earlier ones; one that is known already or older changes nothing. */
  add(number: number, leaf: number, base: CryptoKey, now: number): void {
    const newest = this.#epochs.at(-1);
    if (newest && number <= newest.number) return;
    if (newest) newest.retiresAt = now + OLD_KEYS_KEPT_MS;
    this.#epochs.push(new Epoch(number, leaf, base));
    this.#retire(now);
  }

  /** What this device seals with; null before the first keys. */
  sealing(context: number): { kid: bigint; sender: Promise<Sender> } | null {
    const newest = this.#epochs.at(-1);
    if (!newest) return null;
    const kid = toKid({ context, leaf: newest.leaf, epochBits: newest.number & 0xff });
    const sender = newest.sender(kid);
    newest.prove(kid);
    return { kid, sender };
  }

  /** What opens frames with this key id; null if no key is there, or if it is this device's own. */
  opening(kid: bigint, now: number): { sender: Promise<Sender>; prove: () => boolean } | null {
    this.#retire(now);
    const { leaf, epochBits } = fromKid(kid);
    const epoch = this.#epochs.findLast((each) => (each.number & 0xff) === epochBits);
    if (!epoch || epoch.leaf === leaf) return null;
    return { sender: epoch.sender(kid), prove: () => epoch.prove(kid) };
  }

  #retire(now: number): void {
    this.#epochs = this.#epochs.filter((epoch) => epoch.retiresAt > now);
  }
}
