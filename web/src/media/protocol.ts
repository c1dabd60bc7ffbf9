// What the page and the frame worker say to each other.

import type { Kind } from "./sframe/codecs";
import type { Counts } from "./sframe/frames";

/** Whose frames they are, and whether they show a shared screen. */
export type Source = { leaf: number; screen: boolean };

/** Options of a script transform: what it does, and for which stream; the engine numbers them. `screen`: what is sealed shows it. */
export type TransformOptions = { side: "seal" | "open"; kind: Kind; stream: number; screen?: boolean };

export type ToWorker =
  | { op: "start"; firstCounter: bigint }
  | { op: "keys"; epoch: number; leaf: number; baseKey: Uint8Array<ArrayBuffer> }
  /** Whose stream it is by the roster, and what it shows by the service's word; null: nobody's, or not known. */
  | { op: "expect"; stream: number; source: Source | null }
  | { op: "count"; id: number }
  | { op: "lastSealed"; id: number };

export type FromWorker =
  /** The frames of a stream are this one's now: what the key id says, authenticated. */
  | ({ op: "source"; stream: number } & Source)
  | { op: "counts"; id: number; counts: Counts }
  | { op: "lastSealed"; id: number; frame: Uint8Array | null };
