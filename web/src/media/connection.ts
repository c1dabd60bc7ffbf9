// One peer connection of a call, from the offer to its end: a sending section each for voice, camera and screen, a fixed number of
// receiving slots.
//
// What is sent and who is in a slot changes without a new offer: the section of a screen that is not shown sends nothing. The app puts its own addresses into the answer, so none are gathered or awaited here.

import { withCodecFirst, withConstantRate, withRedundancy } from "./answer";
import type { PictureCodec } from "./choices";
import type { FrameWorker } from "./frame-worker";
import type { Kind } from "./sframe/codecs";

/** Not yet in every TypeScript library. */
type Encoding = RTCRtpEncodingParameters & { scalabilityMode?: string };

/** Three sizes of the own picture; the SFU sends each receiver the one that fits. Lowest first, as the SFU numbers them. */
const LAYERS: Encoding[] = [
  { rid: "l", scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: "m", scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: "h", scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];

/**
 * Two of the screen: whole, and one that letters can still be guessed in where little gets through. Where the own road is narrow it comes
 * before the camera; Chromium takes the first one's word for all, and none of the others.
 */
const SCREEN_LAYERS: Encoding[] = [
  { rid: "l", scaleResolutionDownBy: 2, maxBitrate: 400_000, maxFramerate: 5, priority: "high" },
  { rid: "h", scaleResolutionDownBy: 1, maxBitrate: 2_500_000, maxFramerate: 15 },
];

/** The first is what is sent, where both ends know it. `red`: each frame once more with the next. */
const SOUND = ["audio/red", "audio/opus"];
const PICTURE = ["video/vp8", "video/vp9", "video/av1", "video/rtx"];

/** Not yet in every TypeScript library. */
type DelayedReceiver = RTCRtpReceiver & { jitterBufferTarget?: number | null };

/** What this device sends, in the order of the sections; the SFU knows them by it. */
const SENT = ["audio", "camera", "screen"] as const;
export type Sent = (typeof SENT)[number];

/** A receiving section; the worker knows it by its number. */
export type ReceivingSlot = { stream: number; kind: Kind; transceiver: RTCRtpTransceiver };

export class Connection {
  readonly peer: RTCPeerConnection;
  readonly slots: ReceivingSlot[] = [];
  readonly #senders = new Map<Sent, RTCRtpSender>();
  readonly #codec: PictureCodec;

  constructor(
    frames: FrameWorker,
    slots: { audio: number; video: number },
    firstStream: number,
    { codec }: { codec: PictureCodec },
  ) {
    this.#codec = codec;
    this.peer = new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" });
    for (const [index, sent] of SENT.entries()) {
      const kind = sent === "audio" ? "audio" : "video";
      const transceiver = this.peer.addTransceiver(kind, { direction: "sendonly", ...layersOf(sent, codec) });
      prefer(transceiver, kind, kind === "audio" ? SOUND : [`video/${codec}`, "video/vp8", "video/rtx"]);
      frames.attach(transceiver.sender, { side: "seal", kind, stream: firstStream + index, screen: sent === "screen" });
      this.#senders.set(sent, transceiver.sender);
    }
    const kinds: Kind[] = [...Array<Kind>(slots.audio).fill("audio"), ...Array<Kind>(slots.video).fill("video")];
    for (const [index, kind] of kinds.entries()) {
      const transceiver = this.peer.addTransceiver(kind, { direction: "recvonly" });
      prefer(transceiver, kind, kind === "audio" ? SOUND : PICTURE);
      const stream = firstStream + SENT.length + index;
      frames.attach(transceiver.receiver, { side: "open", kind, stream });
      this.slots.push({ stream, kind, transceiver });
    }
  }

  /** The numbers of its streams are below this. */
  get endStream(): number {
    return (this.slots[0]?.stream ?? 0) + this.slots.length;
  }

  async offer(): Promise<string> {
    await this.peer.setLocalDescription(await this.peer.createOffer());
    return this.peer.localDescription?.sdp ?? "";
  }

  async accept(answer: string, quiet: { constantRate: boolean }): Promise<void> {
    if (this.peer.signalingState !== "have-local-offer") return;
    const preferred = withCodecFirst(withRedundancy(answer), this.#codec);
    const sdp = quiet.constantRate ? withConstantRate(preferred) : preferred;
    await this.peer.setRemoteDescription({ type: "answer", sdp });
  }

  /** How long sound and picture wait before they are played, in milliseconds; null: as the browser finds right. */
  setDelay(slot: number, delay: number | null): void {
    const receiver = this.slots[slot]?.transceiver.receiver as DelayedReceiver | undefined;
    if (receiver && "jitterBufferTarget" in receiver && receiver.jitterBufferTarget !== delay)
      receiver.jitterBufferTarget = delay;
  }

  /** Null sends nothing, and keeps the section for later. */
  async send(sent: Sent, track: MediaStreamTrack | null): Promise<void> {
    const sender = this.#senders.get(sent);
    if (sender && sender.track !== track && this.peer.signalingState !== "closed") await sender.replaceTrack(track);
  }

  close(): void {
    this.peer.close();
  }
}

/** VP9 and AV1 would be one stream of several spatial layers, which the SFU does not take apart: each size is a stream of its own. */
function layersOf(sent: Sent, codec: PictureCodec): { sendEncodings?: Encoding[] } {
  if (sent === "audio") return {};
  const layers = sent === "screen" ? SCREEN_LAYERS : LAYERS;
  return { sendEncodings: codec === "vp8" ? layers : layers.map((layer) => ({ ...layer, scalabilityMode: "L1T1" })) };
}

/** Which of them this browser can send. */
export function picturesSent(): PictureCodec[] {
  const known = globalThis.RTCRtpSender?.getCapabilities?.("video")?.codecs ?? [];
  return (["vp8", "vp9", "av1"] as const).filter((codec) =>
    known.some(({ mimeType }) => mimeType.toLowerCase() === `video/${codec}`),
  );
}

/** Only codecs that the frame worker has a rule for. */
function prefer(transceiver: RTCRtpTransceiver, kind: Kind, mimeTypes: string[]): void {
  const known = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? [];
  // The first of each: browsers list a codec once for each of its profiles.
  const wanted = [...new Set(mimeTypes)].flatMap(
    (type) => known.find((codec) => codec.mimeType.toLowerCase() === type) ?? [],
  );
  if (wanted.length > 0) transceiver.setCodecPreferences(wanted);
}
