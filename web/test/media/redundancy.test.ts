// @vitest-environment node
import { beforeEach, describe, expect, it } from "vitest";
import { withRedundancy } from "../../src/media/answer";
import { importBaseKey } from "../../src/media/sframe/cipher";
import { Frames } from "../../src/media/sframe/frames";
import { KeyRing } from "../../src/media/sframe/keyring";
import { type Block, blocksOf, payloadOf } from "../../src/media/sframe/redundancy";
import { type Bytes, fromHex, toHex } from "./bytes";

const RED = "audio/red";
const GAP = 960;
const SOUNDS = ["78aa01", "78bb0202", "78cc030303", "78dd04"].map(fromHex);

async function device(leaf: number): Promise<Frames> {
  const keys = new KeyRing();
  keys.add(5, leaf, await importBaseKey(fromHex("000102030405060708090a0b0c0d0e0f")), 0);
  return new Frames(keys, 1_000_000n);
}

/** What a browser's encoder gives: each frame with the one before. */
function packets(): Bytes[] {
  return SOUNDS.map((bytes, at) => {
    const before = SOUNDS[at - 1];
    const older: Block[] = before ? [{ type: 111, older: GAP, bytes: before }] : [];
    return payloadOf([...older, { type: 111, older: 0, bytes }]);
  });
}

function hexOf(payload: Bytes | undefined): string[] {
  return (payload ? blocksOf(payload) : null)?.map(({ bytes }) => toHex(bytes)) ?? [];
}

describe("blocks", () => {
  it("are read as they were written", () => {
    const blocks = [
      { type: 111, older: 1_920, bytes: new Uint8Array(1_023).fill(7) },
      { type: 111, older: 960, bytes: fromHex("0102") },
      { type: 111, older: 0, bytes: fromHex("03") },
    ];
    expect(blocksOf(payloadOf(blocks))).toEqual(blocks);
  });

  it("are none where the payload ends too early", () => {
    for (const cut of ["", "6f", "ef0f0003", "ef0f00036f010203"]) expect(blocksOf(fromHex(cut))).toBeNull();
  });
});

describe("sound with the frames before once more", () => {
  let anna: Frames;
  let boris: Frames;
  let sealed: Bytes[];
  beforeEach(async () => {
    [anna, boris] = await Promise.all([device(3), device(4)]);
    sealed = [];
    for (const [at, packet] of packets().entries())
      sealed.push((await anna.seal("audio", RED, packet, { time: at * GAP })) ?? new Uint8Array(0));
  });

  const arrives = async (payload: Bytes | undefined, mimeType = RED) => {
    const opened = await boris.open("audio", mimeType, payload ?? new Uint8Array(0), 1_000);
    return "refused" in opened
      ? opened.refused
      : hexOf(mimeType === RED ? opened.data : payloadOf([opus(opened.data)]));
  };
  const opus = (bytes: Bytes): Block => ({ type: 111, older: 0, bytes });

  it("repeats the very frame that was sealed before", () => {
    for (const [at, payload] of sealed.entries())
      if (at > 0) expect(hexOf(payload)[0]).toBe(hexOf(sealed[at - 1]).at(-1));
  });

  it("is heard once where nothing is lost", async () => {
    for (const [at, payload] of sealed.entries()) expect(await arrives(payload)).toEqual([toHex(SOUNDS[at] as Bytes)]);
    expect(boris.counts).toMatchObject({ opened: 4, recovered: 0, replayed: 0, forged: 0 });
  });

  it("is heard whole where a packet is lost", async () => {
    await arrives(sealed[0]);
    expect(await arrives(sealed[2])).toEqual([toHex(SOUNDS[1] as Bytes), toHex(SOUNDS[2] as Bytes)]);
    expect(boris.counts).toMatchObject({ opened: 2, recovered: 1 });
  });

  it("opens where the service passes on the newest frame alone", async () => {
    const alone = blocksOf(sealed[1] as Bytes)?.at(-1)?.bytes;
    expect(await arrives(alone, "audio/opus")).toEqual([toHex(SOUNDS[1] as Bytes)]);
  });

  it("is refused when it is replayed, whole or with an old frame under a new head", async () => {
    await arrives(sealed[2]);
    expect(await arrives(sealed[2])).toBe("replayed");
    const [old, fresh] = [blocksOf(sealed[1] as Bytes)?.at(-1), blocksOf(sealed[3] as Bytes)?.at(-1)];
    if (!old || !fresh) throw new Error("no blocks");
    expect(await arrives(payloadOf([{ ...old, older: GAP }, fresh]))).toEqual([toHex(SOUNDS[3] as Bytes)]);
  });

  it("does not carry another's frame along", async () => {
    const eve = await device(9);
    const theirs = await eve.seal("audio", "audio/opus", SOUNDS[0] as Bytes);
    const fresh = blocksOf(sealed[3] as Bytes)?.at(-1);
    if (!theirs || !fresh) throw new Error("no blocks");
    expect(await arrives(payloadOf([{ type: 111, older: GAP, bytes: theirs }, fresh]))).toEqual([
      toHex(SOUNDS[3] as Bytes),
    ]);
  });
});

it("an answer puts redundancy first, where there is any", () => {
  const with63 = "m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\n";
  expect(withRedundancy(with63)).toContain("m=audio 9 UDP/TLS/RTP/SAVPF 63 111\r\n");
  const without = "m=audio 9 UDP/TLS/RTP/SAVPF 109\r\na=rtpmap:109 opus/48000/2\r\n";
  expect(withRedundancy(without)).toBe(without);
});
