// @vitest-environment node
import { beforeEach, describe, expect, it, vi } from "vitest";
import { importBaseKey } from "../../src/media/sframe/cipher";
import type { Kind } from "../../src/media/sframe/codecs";
import { Frames, type Opened } from "../../src/media/sframe/frames";
import { decodeHeader } from "../../src/media/sframe/header";
import { fromKid, KeyRing, OLD_KEYS_KEPT_MS, toKid } from "../../src/media/sframe/keyring";
import { type Bytes, fromHex, toHex, vp8 } from "./bytes";

const NOW = 1_000;
const BASE = "000102030405060708090a0b0c0d0e0f";
const NEXT = "101112131415161718191a1b1c1d1e1f";
const opus = fromHex("78aabbccddeeff00112233");

class Device {
  readonly keys = new KeyRing();
  readonly frames = new Frames(this.keys, 1_000_000n);
  readonly leaf: number;

  constructor(leaf: number) {
    this.leaf = leaf;
  }

  async has(epoch: number, base: string, now = NOW): Promise<this> {
    this.keys.add(epoch, this.leaf, await importBaseKey(fromHex(base)), now);
    return this;
  }

  async seal(kind: Kind, frame: Bytes, screen = false): Promise<Bytes> {
    const sealed = await this.frames.seal(kind, undefined, frame, { screen });
    if (!sealed) throw new Error("not sealed");
    return sealed;
  }

  async open(kind: Kind, frame: Bytes, now = NOW): Promise<Opened | null> {
    const opened = await this.frames.open(kind, undefined, frame, now);
    return "refused" in opened ? null : opened;
  }
}

let anna: Device;
let boris: Device;
beforeEach(async () => {
  anna = await new Device(3).has(5, BASE);
  boris = await new Device(4).has(5, BASE);
});

describe("sealed frames", () => {
  it("say under their seal whether they show the screen; sound never does", async () => {
    expect((await boris.open("video", await anna.seal("video", vp8("key", 40), true)))?.screen).toBe(true);
    expect((await boris.open("audio", await anna.seal("audio", opus, true)))?.screen).toBe(false);
    expect((await boris.open("video", await anna.seal("video", vp8("key", 40))))?.screen).toBe(false);
  });

  it("open at another device of the call, which learns the sender's leaf", async () => {
    for (const [kind, frame] of [
      ["audio", opus],
      ["video", vp8("key", 40)],
      ["video", vp8("delta", 40)],
    ] as const) {
      const opened = await boris.open(kind, await anna.seal(kind, frame));
      expect(opened?.leaf).toBe(3);
      expect(toHex(opened?.data ?? new Uint8Array())).toBe(toHex(frame));
    }
    expect(boris.frames.counts).toMatchObject({ opened: 3, forged: 0, noKey: 0, replayed: 0 });
  });

  it("show ten bytes of a VP8 key frame, one of another, none of Opus", async () => {
    const key = vp8("key", 400);
    const delta = vp8("delta", 400);
    expect(toHex((await anna.seal("video", key)).subarray(0, 10))).toBe(toHex(key.subarray(0, 10)));
    const sealedDelta = await anna.seal("video", delta);
    expect(sealedDelta[0]).toBe(delta[0]);
    expect(decodeHeader(sealedDelta.subarray(1))?.kid).toBe(toKid({ context: 0, leaf: 3, epochBits: 5 }));
    expect(decodeHeader(await anna.seal("audio", opus))?.kid).toBe(toKid({ context: 0, leaf: 3, epochBits: 5 }));
  });

  it("do not open when the clear bytes were changed", async () => {
    const sealed = await anna.seal("video", vp8("key", 40));
    sealed[9] = (sealed[9] ?? 0) ^ 1;
    expect(await boris.open("video", sealed)).toBeNull();
    expect(boris.frames.counts.forged).toBe(1);
  });

  it("do not open with another base key", async () => {
    const stranger = await new Device(9).has(5, NEXT);
    for (let sent = 0; sent < 20; sent++)
      expect(await stranger.open("audio", await anna.seal("audio", opus))).toBeNull();
    expect(stranger.frames.counts).toMatchObject({ opened: 0, forged: 20 });
  });

  it("do not come back to their sender", async () => {
    expect(await anna.open("audio", await anna.seal("audio", opus))).toBeNull();
    expect(anna.frames.counts).toMatchObject({ opened: 0, noKey: 1 });
  });

  it("never share a counter, whatever the stream and the epoch", async () => {
    const counters = new Set<bigint | undefined>();
    for (const frame of [opus, opus, opus]) counters.add(decodeHeader(await anna.seal("audio", frame))?.counter);
    counters.add(decodeHeader((await anna.seal("video", vp8("delta", 30))).subarray(1))?.counter);
    await anna.has(6, NEXT);
    counters.add(decodeHeader(await anna.seal("audio", opus))?.counter);
    expect(counters.size).toBe(5);
  });

  it("of camera, screen and microphone repeat no nonce under a key, though sealed at once and while keys change", async () => {
    const used = new Map<CryptoKey, Set<string>>();
    const encrypt = crypto.subtle.encrypt.bind(crypto.subtle);
    const spied = vi.spyOn(crypto.subtle, "encrypt").mockImplementation((how, key, data) => {
      const nonces = used.get(key) ?? new Set();
      used.set(key, nonces.add(toHex(new Uint8Array((how as AesGcmParams).iv as ArrayBuffer))));
      return encrypt(how, key, data);
    });
    const sealed: Promise<Bytes>[] = [];
    for (const [epoch, base] of [
      [5, BASE],
      [6, NEXT],
    ] as const) {
      await anna.has(epoch, base);
      for (let time = 0; time < 100; time++) {
        sealed.push(anna.seal("video", vp8("delta", 30), time % 2 === 0));
        sealed.push(anna.seal("audio", opus), anna.seal("video", vp8("key", 40), time % 2 === 1));
      }
    }
    const kids = new Map<bigint, Set<bigint>>();
    for (const [at, frame] of (await Promise.all(sealed)).entries()) {
      const header = decodeHeader(frame.subarray([1, 0, 10][at % 3]));
      if (!header) throw new Error("no header");
      kids.set(header.kid, (kids.get(header.kid) ?? new Set()).add(header.counter));
    }
    spied.mockRestore();
    // Camera and screen have keys of their own in each epoch, and no key has seen a nonce twice.
    expect([...used.values()].map((nonces) => nonces.size).sort()).toEqual([100, 100, 200, 200]);
    expect([...kids.keys()].map((kid) => fromKid(kid).context).sort()).toEqual([0, 0, 1, 1]);
    // Nor would one key for everything.
    expect(new Set([...kids.values()].flatMap((counters) => [...counters])).size).toBe(600);
  });
});

describe("without a key", () => {
  it("no frame leaves and none comes in", async () => {
    const early = new Device(7);
    expect(await early.frames.seal("audio", undefined, opus)).toBeNull();
    expect(await early.open("audio", await anna.seal("audio", opus))).toBeNull();
    expect(early.frames.counts).toMatchObject({ sealed: 0, opened: 0, noKey: 2 });
  });

  it("for its codec a frame goes nowhere", async () => {
    expect(await anna.frames.seal("video", "video/h264", vp8("key", 40))).toBeNull();
    expect(await anna.frames.seal("video", "video/VP8", vp8("key", 9))).toBeNull();
    expect(anna.frames.counts).toMatchObject({ sealed: 0, unknownCodec: 2 });
  });
});

describe("when the epoch changes", () => {
  it("the newest seals, and frames under way still open for a while", async () => {
    const underWay = await anna.seal("audio", opus);
    const tooLate = await anna.seal("audio", opus);
    await anna.has(6, NEXT);
    await boris.has(6, NEXT);
    expect(fromKid(decodeHeader(await anna.seal("audio", opus))?.kid ?? 0n).epochBits).toBe(6);
    expect(await boris.open("audio", underWay, NOW + OLD_KEYS_KEPT_MS - 1)).not.toBeNull();
    expect(await boris.open("audio", tooLate, NOW + OLD_KEYS_KEPT_MS)).toBeNull();
    expect(boris.frames.counts.noKey).toBe(1);
  });

  it("who was not given the new key opens nothing more", async () => {
    await anna.has(6, NEXT);
    expect(await boris.open("audio", await anna.seal("audio", opus))).toBeNull();
    expect(boris.frames.counts).toMatchObject({ opened: 0, noKey: 1 });
  });

  it("keys that come again or late change nothing", async () => {
    await anna.has(6, NEXT);
    await anna.has(6, BASE);
    await anna.has(5, BASE);
    await boris.has(6, NEXT);
    expect(await boris.open("audio", await anna.seal("audio", opus))).not.toBeNull();
  });
});

describe("a frame that comes twice", () => {
  it("opens once", async () => {
    const sealed = await anna.seal("audio", opus);
    expect(await boris.open("audio", sealed)).not.toBeNull();
    expect(await boris.open("audio", sealed)).toBeNull();
    expect(boris.frames.counts.replayed).toBe(1);
  });

  it("opens once also when both are on their way through the cipher", async () => {
    const sealed = await anna.seal("audio", opus);
    const both = await Promise.all([boris.open("audio", sealed), boris.open("audio", sealed)]);
    expect(both.filter(Boolean)).toHaveLength(1);
  });

  it("is refused although the SFU made up many key ids in between", async () => {
    const sealed = await anna.seal("audio", opus);
    await boris.open("audio", sealed);
    for (let leaf = 100; leaf < 200; leaf++) {
      const invented = await (await new Device(leaf).has(5, NEXT)).seal("audio", opus);
      expect(await boris.open("audio", invented)).toBeNull();
    }
    expect(await boris.open("audio", sealed)).toBeNull();
    expect(boris.frames.counts).toMatchObject({ opened: 1, replayed: 1, forged: 100 });
  });

  it("may be late, in another order, and among frames of the other kind", async () => {
    const frames: Bytes[] = [];
    for (let sent = 0; sent < 50; sent++) frames.push(await anna.seal("audio", opus));
    const video = await anna.seal("video", vp8("delta", 30));
    expect(await boris.open("video", video)).not.toBeNull();
    for (const sealed of frames.reverse()) expect(await boris.open("audio", sealed)).not.toBeNull();
  });
});

it("bytes without sense are refused and never throw", async () => {
  for (let length = 0; length < 64; length++) {
    const noise = Uint8Array.from({ length }, (_, at) => (at * 37 + length * 11) % 256);
    expect(await boris.open("audio", noise)).toBeNull();
    expect(await boris.open("video", noise)).toBeNull();
  }
});

describe("other codecs", () => {
  it("leave nothing of a VP9 frame clear", async () => {
    const sealed = await anna.frames.seal("video", "video/VP9", opus);
    expect(decodeHeader(sealed ?? opus)?.kid).toBe(toKid({ context: 0, leaf: 3, epochBits: 5 }));
    const opened = await boris.frames.open("video", "video/VP9", sealed ?? opus, NOW);
    expect("refused" in opened ? opened.refused : toHex(opened.data)).toBe(toHex(opus));
  });

  it("put an AV1 frame into one OBU, which says whether it is a key frame", async () => {
    const frame = vp8("key", 300);
    for (const [isKey, head] of [
      [true, 0x0a],
      [false, 0x32],
    ] as const) {
      const sealed = (await anna.frames.seal("video", "video/AV1", frame, { isKey })) ?? opus;
      expect(sealed[0]).toBe(head);
      expect((sealed[1] ?? 0) & 0x80).toBe(0x80); // a size of two bytes
      expect(((sealed[1] ?? 0) & 0x7f) | ((sealed[2] ?? 0) << 7)).toBe(sealed.length - 3);
      const opened = await boris.frames.open("video", "video/AV1", sealed, NOW);
      expect("refused" in opened ? opened.refused : toHex(opened.data)).toBe(toHex(frame));
    }
  });

  it("refuse what claims to be AV1 and is not in one OBU", async () => {
    for (const hex of ["", "0a", "0aff", "0a7f00", "1200", "0affffffffff"])
      expect(await boris.frames.open("video", "video/AV1", fromHex(hex), NOW)).toEqual({ refused: "malformed" });
  });
});
