// Redundant sound: RFC 2198. A packet carries the frames before its own once more, so that a lost one costs nothing.
//
//   heads of the older blocks: | 1 | type (7 bits) | how much older (14 bits) | length (10 bits) |
//   head of the newest:        | 0 | type (7 bits) |          then the blocks, the oldest first
//
// The heads stay clear and each block is sealed by itself: the service can pass the newest on alone to a browser that knows none of
// this, and a block that comes again is the same sealed frame again, which the replay window tells.

import type { Bytes } from "./cipher";

/** `older`: so much before the newest, in the clock of the packet's timestamp. */
export type Block = { type: number; older: number; bytes: Bytes };

const HEAD_BYTES = 4;
/** What fits into ten bits. */
const LENGTH_MAX = 0x3ff;

export function isRedundant(mimeType: string | undefined): boolean {
  return mimeType?.toLowerCase() === "audio/red";
}

/** The newest last; null if it makes no sense. */
export function blocksOf(payload: Bytes): Block[] | null {
  const heads: { type: number; older: number; length: number }[] = [];
  let at = 0;
  for (let first = payload[at]; first !== undefined && first >= 0x80; first = payload[at]) {
    const [, high = 0, middle = 0, low = 0] = payload.subarray(at, at + HEAD_BYTES);
    heads.push({ type: first & 0x7f, older: (high << 6) | (middle >> 2), length: ((middle & 3) << 8) | low });
    at += HEAD_BYTES;
  }
  const newest = payload[at++];
  if (newest === undefined) return null;
  const blocks = heads.map(({ type, older, length }) => {
    const bytes = payload.slice(at, at + length);
    at += length;
    return { type, older, bytes };
  });
  return at < payload.length ? [...blocks, { type: newest, older: 0, bytes: payload.slice(at) }] : null;
}

/** Older blocks that are too long to say so are left out. */
export function payloadOf(blocks: Block[]): Bytes {
  const newest = blocks.at(-1);
  const older = blocks.slice(0, -1).filter(({ bytes }) => bytes.length <= LENGTH_MAX);
  if (!newest) return new Uint8Array(0);
  const heads = older.flatMap((block) => {
    const { length } = block.bytes;
    return [0x80 | block.type, block.older >> 6, ((block.older & 0x3f) << 2) | (length >> 8), length & 0xff];
  });
  return Uint8Array.from([...heads, newest.type, ...older.flatMap(({ bytes }) => [...bytes]), ...newest.bytes]);
}
