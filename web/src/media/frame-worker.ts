// The page's handle on the frame worker of one call.

import type { FromWorker, Source, ToWorker, TransformOptions } from "./protocol";
import type { Counts } from "./sframe/frames";

/** 2026-01-01. */
const COUNTER_ORIGIN_MS = 1_767_225_600_000;

/**
 * No counter may be used twice under one key. The app sees to it that a page that begins anew in the middle of a call gets new keys;
 * should it ever be given used ones, milliseconds grow faster than frames do, so a later start is above what was used before.
 */
export function firstCounter(now: number): bigint {
  return BigInt(Math.max(0, now - COUNTER_ORIGIN_MS));
}

export class FrameWorker {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "frames" });
  readonly #answers = new Map<number, (answer: FromWorker) => void>();
  #nextAnswer = 0;

  constructor(onSource: (stream: number, source: Source) => void) {
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.op === "source") onSource(data.stream, { leaf: data.leaf, screen: data.screen });
      else {
        this.#answers.get(data.id)?.(data);
        this.#answers.delete(data.id);
      }
    };
    this.#send({ op: "start", firstCounter: firstCounter(Date.now()) });
  }

  attach(end: RTCRtpSender | RTCRtpReceiver, options: TransformOptions): void {
    end.transform = new RTCRtpScriptTransform(this.#worker, options);
  }

  setKeys(epoch: number, leaf: number, baseKey: string): void {
    const bytes = fromBase64Url(baseKey);
    this.#send({ op: "keys", epoch, leaf, baseKey: bytes }, [bytes.buffer]);
  }

  /** Whose a stream is by the roster, and what it shows by the service's word; null: nobody's, or not known. */
  expect(stream: number, source: Source | null): void {
    this.#send({ op: "expect", stream, source });
  }

  async counts(): Promise<Counts> {
    const answer = await this.#ask("count");
    return (answer as Extract<FromWorker, { op: "counts" }>).counts;
  }

  /** The microphone's newest frame as it left, sealed; null before the first. */
  async lastSealed(): Promise<Uint8Array | null> {
    const answer = await this.#ask("lastSealed");
    return (answer as Extract<FromWorker, { op: "lastSealed" }>).frame;
  }

  /** The keys go with it. */
  end(): void {
    this.#worker.terminate();
  }

  #ask(op: "count" | "lastSealed"): Promise<FromWorker> {
    return new Promise((resolve) => {
      const id = this.#nextAnswer++;
      this.#answers.set(id, resolve);
      this.#send({ op, id });
    });
  }

  #send(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
