// The frame worker: between codec and network it seals every frame that leaves and opens every frame that comes.
//
// Keys live here only. The page hands base keys over and gets counts back.

import type { FromWorker, Source, ToWorker, TransformOptions } from "./protocol";
import { importBaseKey } from "./sframe/cipher";
import { Frames } from "./sframe/frames";
import { Gap } from "./sframe/gap";
import { KeyRing } from "./sframe/keyring";
import { Misplaced } from "./sframe/misplaced";

type EncodedFrame = RTCEncodedVideoFrame | RTCEncodedAudioFrame;

/** TypeScript's library for pages does not know the worker's side of script transforms. */
type Transformer = {
  readable: ReadableStream<EncodedFrame>;
  writable: WritableStream<EncodedFrame>;
  options: TransformOptions;
  sendKeyFrameRequest?: () => Promise<unknown>;
  generateKeyFrame?: () => Promise<unknown>;
};
type WorkerScope = {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  onrtctransform: ((event: { transformer: Transformer }) => void) | null;
  postMessage(message: FromWorker): void;
};

const scope = self as unknown as WorkerScope;
const keys = new KeyRing();
const videoSenders: Transformer[] = [];
const places = new Map<number, Misplaced>();
let frames: Frames | null = null;

scope.onmessage = ({ data }) => {
  switch (data.op) {
    case "start":
      frames = new Frames(keys, data.firstCounter);
      break;
    case "keys":
      void addKeys(data.epoch, data.leaf, data.baseKey);
      break;
    case "expect":
      placeOf(data.stream).expect(data.source);
      break;
    case "count":
      if (frames) scope.postMessage({ op: "counts", id: data.id, counts: { ...frames.counts } });
      break;
    case "lastSealed":
      scope.postMessage({ op: "lastSealed", id: data.id, frame: frames?.newestSound ?? null });
      break;
  }
};

scope.onrtctransform = ({ transformer }) => {
  const { side, kind } = transformer.options;
  if (side === "seal" && kind === "video") videoSenders.push(transformer);
  const transform = side === "seal" ? sealing(transformer.options) : opening(transformer);
  // The pipe ends when the peer connection is closed; then there is nobody to tell.
  transformer.readable
    .pipeThrough(new TransformStream<EncodedFrame, EncodedFrame>({ transform }))
    .pipeTo(transformer.writable)
    .catch(() => undefined);
};

async function addKeys(epoch: number, leaf: number, baseKey: Uint8Array<ArrayBuffer>): Promise<void> {
  keys.add(epoch, leaf, await importBaseKey(baseKey), Date.now());
  // Who has just come in can open nothing before a key frame. Where a browser lets the sender make one, that saves a round trip.
  for (const sender of videoSenders) sender.generateKeyFrame?.().catch(() => undefined);
}

type Transform = (frame: EncodedFrame, next: TransformStreamDefaultController<EncodedFrame>) => Promise<void>;

function sealing({ kind, screen = false }: TransformOptions): Transform {
  return async (frame, next) => {
    const sealed = await frames?.seal(kind, mimeType(frame), new Uint8Array(frame.data), {
      time: frame.timestamp,
      isKey: isKey(frame),
      screen,
    });
    if (!sealed) return;
    frame.data = sealed.buffer;
    next.enqueue(frame);
  };
}

function opening(transformer: Transformer): Transform {
  const { kind, stream } = transformer.options;
  const gap = new Gap();
  let source: Source | null = null;
  return async (frame, next) => {
    if (!frames) return;
    const now = Date.now();
    const opened = await frames.open(kind, mimeType(frame), new Uint8Array(frame.data), now);
    if ("refused" in opened) {
      // What has come before leaves no gap.
      if (opened.refused !== "replayed") gap.handleMissed();
      return;
    }
    const { leaf, screen } = opened;
    if (placeOf(stream).handleOpened({ leaf, screen }, now)) frames.counts.misplaced++;
    if (source?.leaf !== leaf || source.screen !== screen) {
      source = { leaf, screen };
      scope.postMessage({ op: "source", stream, ...source });
    }
    if (kind === "video" && gap.handleOpened(isKey(frame), now)) requestKeyFrame(transformer);
    frame.data = opened.data.buffer;
    next.enqueue(frame);
  };
}

function placeOf(stream: number): Misplaced {
  const place = places.get(stream) ?? new Misplaced();
  places.set(stream, place);
  return place;
}

function requestKeyFrame(transformer: Transformer): void {
  if (frames) frames.counts.keyFrameRequests++;
  transformer.sendKeyFrameRequest?.().catch(() => undefined);
}

function isKey(frame: EncodedFrame): boolean {
  return "type" in frame && frame.type === "key";
}

function mimeType(frame: EncodedFrame): string | undefined {
  return frame.getMetadata().mimeType;
}
