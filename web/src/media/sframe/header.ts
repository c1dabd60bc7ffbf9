// The SFrame header: RFC 9605, section 4.3.
//
//   config byte: | X | K (3 bits) | Y | C (3 bits) |  then the key id, then the counter, both big-endian
//
// A number below 8 stands in the config byte itself (X or Y is 0); a larger one follows in K+1 or C+1 bytes, as few as it needs.

/** Which key sealed a frame, and the frame's number under it. */
export type Header = { kid: bigint; counter: bigint };

/** A header with the bytes that it takes; they are authenticated as they came. */
export type ParsedHeader = Header & { length: number };

export function encodeHeader({ kid, counter }: Header): Uint8Array {
  const kidBytes = kid < 8n ? [] : bigEndian(kid);
  const counterBytes = counter < 8n ? [] : bigEndian(counter);
  const kidBits = kid < 8n ? Number(kid) << 4 : 0x80 | ((kidBytes.length - 1) << 4);
  const counterBits = counter < 8n ? Number(counter) : 0x08 | (counterBytes.length - 1);
  return Uint8Array.from([kidBits | counterBits, ...kidBytes, ...counterBytes]);
}

/** Reads the header at the beginning of `bytes`; null if it is cut off or not in its shortest form. */
export function decodeHeader(bytes: Uint8Array): ParsedHeader | null {
  const config = bytes[0];
  if (config === undefined) return null;
  const kidField = (config >> 4) & 7;
  const counterField = config & 7;
  const kidLength = config & 0x80 ? kidField + 1 : 0;
  const counterLength = config & 0x08 ? counterField + 1 : 0;
  const length = 1 + kidLength + counterLength;
  if (bytes.length < length) return null;
  const kid = kidLength === 0 ? BigInt(kidField) : readNumber(bytes.subarray(1, 1 + kidLength));
  const counter = counterLength === 0 ? BigInt(counterField) : readNumber(bytes.subarray(1 + kidLength, length));
  if (!isShortest(kid, kidLength) || !isShortest(counter, counterLength)) return null;
  return { kid, counter, length };
}

function isShortest(value: bigint, length: number): boolean {
  return length === 0 || (value >= 8n && value >> BigInt(8 * (length - 1)) > 0n);
}

function bigEndian(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 8n) bytes.unshift(Number(rest & 0xffn));
  if (bytes.length > 8) throw new RangeError("an SFrame number has at most 64 bits");
  return bytes;
}

function readNumber(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}
