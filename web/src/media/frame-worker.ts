// The page's handle on the frame worker of one call.

import type { FromWorker, ToWorker, TransformOptions } from "./protocol";
import type { Counts } from "./sframe/frames";

/** 2026-01-01. */
const COUNTER_ORIGIN_MS = 1_767_225_600_000;

/**
 * No counter may be used twice under one key, and a page that is loaded again in the middle of a call gets the same key again.
 * Milliseconds grow faster than frames do, so a later start is always above what was used before.
 */
export function firstCounter(now: number): bigint {
  return BigInt(Math.max(0, now - COUNTER_ORIGIN_MS));
}

export class FrameWorker {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "frames" });
  readonly #counts = new Map<number, (counts: Counts) => void>();
  #nextCount = 0;

  constructor(onSource: (stream: number, leaf: number) => void) {
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.op === "source") onSource(data.stream, data.leaf);
      else {
        this.#counts.get(data.id)?.(data.counts);
        this.#counts.delete(data.id);
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

  counts(): Promise<Counts> {
    return new Promise((resolve) => {
      const id = this.#nextCount++;
      this.#counts.set(id, resolve);
      this.#send({ op: "count", id });
    });
  }

  /** The keys go with it. */
  end(): void {
    this.#worker.terminate();
  }

  #send(message: ToWorker, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}

function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
