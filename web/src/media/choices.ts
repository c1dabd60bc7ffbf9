// What a person chose for calls in this browser: devices, and how sound and picture are treated. Remembered between calls.

/** In what the own picture is sent. */
export type PictureCodec = "vp8" | "vp9" | "av1";

export type Choices = {
  /** Device ids; null: the system's own choice. */
  microphone: string | null;
  camera: string | null;
  speaker: string | null;
  /** How one comes into a call. */
  enterMuted: boolean;
  enterWithCamera: boolean;
  /** The lobby is shown before a call that one starts oneself, too. */
  lobbyFirst: boolean;
  noiseSuppression: boolean;
  /** By a neural network rather than by the browser. */
  strongSuppression: boolean;
  blur: boolean;
  codec: PictureCodec;
  /** Sound at one rate whether one speaks or not: the size of what is sent tells nobody who speaks. */
  constantRate: boolean;
  shortcuts: boolean;
  /** No pictures are received. */
  voiceOnly: boolean;
  /** Pictures become smaller and fewer where this computer does not keep up. */
  spare: boolean;
  layout: "grid" | "speaker";
  ringtone: boolean;
  notifications: boolean;
  /** They were offered, and the person said yes or no. */
  notificationsOffered: boolean;
};

const FIRST: Choices = {
  microphone: null,
  camera: null,
  speaker: null,
  enterMuted: false,
  enterWithCamera: true,
  lobbyFirst: false,
  noiseSuppression: true,
  strongSuppression: false,
  blur: false,
  codec: "vp8",
  constantRate: false,
  shortcuts: true,
  voiceOnly: false,
  spare: true,
  layout: "grid",
  ringtone: true,
  notifications: false,
  notificationsOffered: false,
};

const STORED = "umweg.calls";
const listeners = new Set<() => void>();
let current: Choices = read();

function read(): Choices {
  try {
    return { ...FIRST, ...JSON.parse(globalThis.localStorage?.getItem(STORED) ?? "{}") };
  } catch {
    return FIRST;
  }
}

export function choices(): Choices {
  return current;
}

export function setChoices(change: Partial<Choices>): void {
  current = { ...current, ...change };
  globalThis.localStorage?.setItem(STORED, JSON.stringify(current));
  for (const listener of listeners) listener();
}

export function subscribeChoices(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
