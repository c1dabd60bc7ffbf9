export type Bytes = Uint8Array<ArrayBuffer>;

export function fromHex(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A VP8 frame: only the first bit matters to us. */
export function vp8(kind: "key" | "delta", length: number): Bytes {
  const frame = Uint8Array.from({ length }, (_, at) => (at * 7) % 256);
  frame[0] = kind === "key" ? 0x50 : 0x51;
  return frame;
}
