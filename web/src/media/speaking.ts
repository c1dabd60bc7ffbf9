// Who can be heard at the moment, and whether somebody speaks who cannot be.

/** Louder than this, a person speaks. */
const SPEAKING_LEVEL = 0.015;
/** Of the own meter, which is 0 to 1; breath and keys stay below. */
const OWN_SPEAKING_LEVEL = 0.35;
/** So many looks in a row, and it was no cough. */
const LOOKS_MIN = 3;
/** And the hint stays for so many after it. */
const LOOKS_KEPT = 12;

export function isLoud(receiver: RTCRtpReceiver): boolean {
  const [newest] = receiver.getSynchronizationSources();
  if (!newest || performance.timeOrigin + performance.now() - sourceTime(newest.timestamp) > 1_000) return false;
  return (newest.audioLevel ?? 0) > SPEAKING_LEVEL;
}

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
