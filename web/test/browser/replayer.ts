// A device that seals as it should, and then sends every fifth time what it has sent before: an SFU could do that to anybody's frames.

import { importBaseKey } from "../../src/media/sframe/cipher";
import { Frames } from "../../src/media/sframe/frames";
import { KeyRing } from "../../src/media/sframe/keyring";

type Scope = {
  onmessage: (event: MessageEvent<string>) => void;
  onrtctransform: (event: {
    transformer: { readable: ReadableStream<RTCEncodedAudioFrame>; writable: WritableStream<RTCEncodedAudioFrame> };
  }) => void;
};

const EVERY = 5;
const scope = self as unknown as Scope;
const keys = new KeyRing();
const frames = new Frames(keys, 1_000_000n);

scope.onmessage = async ({ data }) => {
  const raw = atob(data.replaceAll("-", "+").replaceAll("_", "/"));
  keys.add(1, 2, await importBaseKey(Uint8Array.from(raw, (character) => character.charCodeAt(0))), 0);
};

scope.onrtctransform = ({ transformer }) => {
  let before: ArrayBuffer | null = null;
  let count = 0;
  const transform = async (frame: RTCEncodedAudioFrame, next: TransformStreamDefaultController) => {
    const { mimeType } = frame.getMetadata();
    const sealed = await frames.seal("audio", mimeType, new Uint8Array(frame.data), { time: frame.timestamp });
    if (!sealed) return;
    frame.data = ++count % EVERY === 0 && before ? before : sealed.buffer;
    before = sealed.slice().buffer;
    next.enqueue(frame);
  };
  void transformer.readable.pipeThrough(new TransformStream({ transform })).pipeTo(transformer.writable);
};
