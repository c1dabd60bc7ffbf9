// What the page and the frame worker say to each other.

import type { Kind } from "./sframe/codecs";
import type { Counts } from "./sframe/frames";

/** Options of a script transform: what it does, and for which stream; the engine numbers them. */
export type TransformOptions = { side: "seal" | "open"; kind: Kind; stream: number };

export type ToWorker =
  | { op: "start"; firstCounter: bigint }
  | { op: "keys"; epoch: number; leaf: number; baseKey: Uint8Array<ArrayBuffer> }
  | { op: "count"; id: number }
  | { op: "lastSealed"; id: number };

export type FromWorker =
  /** The frames of a stream come from this leaf now: what the key id says, authenticated. */
  | { op: "source"; stream: number; leaf: number }
  | { op: "counts"; id: number; counts: Counts }
  | { op: "lastSealed"; id: number; frame: Uint8Array | null };
