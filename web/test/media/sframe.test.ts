// @vitest-environment node
import { describe, expect, it } from "vitest";
import { deriveFrameKey, importBaseKey, open, seal } from "../../src/media/sframe/cipher";
import { decodeHeader, encodeHeader } from "../../src/media/sframe/header";
import { fromHex, toHex } from "./bytes";
import { FRAME, HEADERS } from "./vectors";

describe("the SFrame header", () => {
  it("is that of RFC 9605 for every key id and counter of its vectors", () => {
    expect(HEADERS.length).toBeGreaterThan(250);
    for (const [kid, counter, encoded] of HEADERS) {
      const header = { kid: BigInt(`0x${kid}`), counter: BigInt(`0x${counter}`) };
      expect(toHex(encodeHeader(header))).toBe(encoded);
      expect(decodeHeader(fromHex(`${encoded}beef`))).toEqual({ ...header, length: encoded.length / 2 });
    }
  });

  it("is refused when it is cut off anywhere", () => {
    for (const [, , encoded] of HEADERS) {
      for (let end = 0; end < encoded.length; end += 2) expect(decodeHeader(fromHex(encoded.slice(0, end)))).toBeNull();
    }
  });

  it("is refused in a form longer than needed", () => {
    expect(decodeHeader(fromHex("8007"))).toBeNull(); // key id 7 in a byte of its own
    expect(decodeHeader(fromHex("0907"))).toBeNull(); // counter 7 in two
    expect(decodeHeader(fromHex("090009"))).toBeNull(); // a leading zero
  });

  it("never throws, whatever comes", () => {
    for (let config = 0; config < 256; config++) {
      for (const fill of [0, 0x7f, 0xff]) {
        const bytes = new Uint8Array(18).fill(fill);
        bytes[0] = config;
        const header = decodeHeader(bytes);
        if (header) expect(toHex(encodeHeader(header))).toBe(toHex(bytes.subarray(0, header.length)));
      }
    }
  });
});

describe("a frame key", () => {
  const header = { kid: FRAME.kid, counter: FRAME.counter };
  const key = async () => deriveFrameKey(await importBaseKey(fromHex(FRAME.baseKey)), FRAME.kid);

  it("seals as RFC 9605 does", async () => {
    const frameKey = await key();
    expect(toHex(frameKey.salt)).toBe(FRAME.salt);
    expect(toHex(await seal(frameKey, header, fromHex(FRAME.clear), fromHex(FRAME.plain)))).toBe(FRAME.sealed);
  });

  it("opens as RFC 9605 does", async () => {
    expect(toHex(await open(await key(), fromHex(FRAME.sealed), fromHex(FRAME.clear)))).toBe(FRAME.plain);
  });

  it("opens nothing of which any bit was changed", async () => {
    const frameKey = await key();
    const sealed = fromHex(FRAME.sealed);
    for (let at = 0; at < sealed.length; at++) {
      const changed = sealed.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(open(frameKey, changed, fromHex(FRAME.clear))).rejects.toThrow();
    }
    await expect(open(frameKey, sealed, fromHex(`${FRAME.clear}00`))).rejects.toThrow();
  });

  it("opens nothing of another key", async () => {
    const base = await importBaseKey(fromHex("ff".repeat(16)));
    await expect(
      open(await deriveFrameKey(base, FRAME.kid), fromHex(FRAME.sealed), fromHex(FRAME.clear)),
    ).rejects.toThrow();
    const other = await deriveFrameKey(await importBaseKey(fromHex(FRAME.baseKey)), FRAME.kid + 1n);
    await expect(open(other, fromHex(FRAME.sealed), fromHex(FRAME.clear))).rejects.toThrow();
  });

  it("cannot be taken out, and neither can its base key", async () => {
    const raw = fromHex(FRAME.baseKey);
    const base = await importBaseKey(raw);
    expect(base.extractable).toBe(false);
    expect((await deriveFrameKey(base, 1n)).key.extractable).toBe(false);
    expect(toHex(raw)).toBe("00".repeat(16));
  });
});
