// Who can be heard at the moment, and whether somebody speaks who cannot be.

import type { Inbound } from "./stats";

/** Louder than this, a person speaks. */
const SPEAKING_LEVEL = 0.015;
/** Of the own meter, which is 0 to 1; breath and keys stay below. */
const OWN_SPEAKING_LEVEL = 0.35;
/** So many looks in a row, and it was no cough. */
const LOOKS_MIN = 3;
/** And the hint stays for so many after it. */
const LOOKS_KEPT = 12;

/** From 0 to 1; null: somebody is heard, and the packets do not tell how loud. */
export function levelOf(receiver: RTCRtpReceiver): number | null {
  const [newest] = receiver.getSynchronizationSources();
  if (!newest || performance.timeOrigin + performance.now() - sourceTime(newest.timestamp) > 1_000) return 0;
  return newest.audioLevel ?? null;
}

export function isLoud(level: number): boolean {
  return level > SPEAKING_LEVEL;
}

/** How loud it is in each slot where the service may not know: from what was decoded between two looks. */
export class Loudness {
  #before = new Map<string, Sounded>();
  #levels = new Map<string, number>();

  levelOf(mid: string): number {
    return this.#levels.get(mid) ?? 0;
  }

  /** WebRTC counts as energy the square of the level, for as long as it lasted. */
  handleLook(inbound: Sounded[]): void {
    for (const now of inbound) {
      const before = this.#before.get(now.mid);
      const seconds = now.soundSeconds - (before?.soundSeconds ?? 0);
      const energy = now.audioEnergy - (before?.audioEnergy ?? 0);
      this.#levels.set(now.mid, before && seconds > 0 && energy > 0 ? Math.sqrt(energy / seconds) : 0);
    }
    this.#before = new Map(inbound.map((now) => [now.mid, now]));
  }
}

type Sounded = Pick<Inbound, "mid" | "audioEnergy" | "soundSeconds">;

/** Somebody speaks while muted: takes the level of a muted microphone at every look, and 0 of one that is on. */
export class Unheard {
  #loud = 0;
  #kept = 0;

  handleLevel(level: number): boolean {
    this.#loud = level > OWN_SPEAKING_LEVEL ? this.#loud + 1 : 0;
    if (level === 0) this.#kept = 0;
    else if (this.#loud >= LOOKS_MIN) this.#kept = LOOKS_KEPT;
    else this.#kept = Math.max(0, this.#kept - 1);
    return this.#kept > 0;
  }
}

/** Some browsers count from the page's beginning, others from 1970. */
function sourceTime(timestamp: number): number {
  return timestamp < 1e12 ? performance.timeOrigin + timestamp : timestamp;
}
