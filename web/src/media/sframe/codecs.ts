// How many bytes at the beginning of a frame stay clear, because an RTP packetizer or the SFU must read them. They are
// authenticated with the frame. The length follows from the clear bytes themselves, so the sealed frame does not carry it.

export type Kind = "audio" | "video";

const VP8_KEY_FRAME_CLEAR = 10;
const VP8_DELTA_FRAME_CLEAR = 1;

/** Null: no rule for this codec or frame, and so it is neither sealed nor opened. */
export function clearBytes(kind: Kind, mimeType: string | undefined, frame: Uint8Array): number | null {
  switch ((mimeType ?? (kind === "audio" ? "audio/opus" : "video/vp8")).toLowerCase()) {
    case "audio/opus":
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
export function isVp8KeyFrame(frame: Uint8Array): boolean {
  return ((frame[0] ?? 1) & 1) === 0;
}
