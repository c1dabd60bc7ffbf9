// How sealed frames look to RTP packetizers and to the SFU, which must read something of them. What stays clear is authenticated with
// the frame, and its length follows from the clear bytes themselves, so the sealed frame does not carry it.
//
// Opus and VP9 leave nothing clear: what others need stands in RTP payload headers. VP8 leaves its frame head. AV1's packetizer walks
// through OBUs, so a sealed AV1 frame is put into one: a sequence header if it is a key frame, else a frame.

import type { Bytes } from "./cipher";

export type Kind = "audio" | "video";

const VP8_KEY_FRAME_CLEAR = 10;
const VP8_DELTA_FRAME_CLEAR = 1;

/** Null: no rule for this codec or frame, and so it is neither sealed nor opened. */
export function clearBytes(kind: Kind, mimeType: string | undefined, frame: Uint8Array): number | null {
  switch (codecOf(kind, mimeType)) {
    case "audio/opus":
    case "video/vp9":
    case "video/av1":
      return 0;
    case "video/vp8": {
      const length = isVp8KeyFrame(frame) ? VP8_KEY_FRAME_CLEAR : VP8_DELTA_FRAME_CLEAR;
      return frame.length >= length ? length : null;
    }
    default:
      return null;
  }
}

/** RFC 6386, section 9.1: the first bit is 0 in a key frame. */
function isVp8KeyFrame(frame: Uint8Array): boolean {
  return ((frame[0] ?? 1) & 1) === 0;
}

/** OBU headers (AV1, section 5.3.2) of a type, with a size. */
const SEQUENCE_HEADER = 0x0a;
const FRAME = 0x32;

/** As the packetizer wants it. */
export function wrapped(kind: Kind, mimeType: string | undefined, sealed: Bytes, isKey: boolean): Bytes {
  if (codecOf(kind, mimeType) !== "video/av1") return sealed;
  const head = [isKey ? SEQUENCE_HEADER : FRAME];
  let rest = sealed.length;
  for (; rest > 0x7f; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  head.push(rest);
  const wrapped = new Uint8Array(head.length + sealed.length);
  wrapped.set(head);
  wrapped.set(sealed, head.length);
  return wrapped;
}

/** Null: it was not wrapped like that. */
export function unwrapped(kind: Kind, mimeType: string | undefined, frame: Bytes): Bytes | null {
  if (codecOf(kind, mimeType) !== "video/av1") return frame;
  if (frame[0] !== SEQUENCE_HEADER && frame[0] !== FRAME) return null;
  let at = 1;
  let length = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = frame[at++];
    if (byte === undefined) return null;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) return frame.length >= at + length ? frame.subarray(at, at + length) : null;
  }
  return null;
}

function codecOf(kind: Kind, mimeType: string | undefined): string {
  return (mimeType ?? (kind === "audio" ? "audio/opus" : "video/vp8")).toLowerCase();
}
