// Spares a computer that cannot keep up with all pictures: smaller ones first, then fewer. Sound is never part of it.
//
// It answers slowly, and more slowly each time it was wrong: what became bearable because less is shown would be too much again.

/** What of the others' pictures is asked for; null: all there is. */
export type Relief = { heightMax: number | null; picturesMax: number | null };

/** What the pictures asked of this computer since the last look. */
export type Load = {
  /** Time in which pictures were decoded, by the time that passed: 1 is a core, or several that wait for one. */
  decoding: number;
  /** Of the frames that came, those that were not decoded in time, from 0 to 1. */
  dropped: number;
  /** The browser makes the own picture smaller because it does not keep up. */
  limited: boolean;
  /** How late this page's own timers come, at the latest. */
  lateMs: number;
};

const STEPS: Relief[] = [
  { heightMax: null, picturesMax: null },
  { heightMax: 360, picturesMax: null },
  { heightMax: 180, picturesMax: null },
  { heightMax: 180, picturesMax: 4 },
  { heightMax: 180, picturesMax: 2 },
];

export const NO_RELIEF: Relief = { heightMax: null, picturesMax: null };
/** So many bad looks in a row, and less is asked for. */
const BAD_LOOKS = 2;
/** After so many good ones more is tried again; twice as many whenever that was too much. */
const GOOD_LOOKS = 8;
const GOOD_LOOKS_MAX = 128;
const DECODING: Limits = { good: 0.3, bad: 0.7 };
const LATE_MS: Limits = { good: 100, bad: 300 };
const DROPPED: Limits = { good: 0.1, bad: 0.3 };

type Limits = { good: number; bad: number };

export class Burden {
  #step = 0;
  #bad = 0;
  #good = 0;
  #patience = GOOD_LOOKS;
  /** More was tried, and has not yet proven to be bearable. */
  #tries = false;

  get relief(): Relief {
    return STEPS[this.#step] ?? NO_RELIEF;
  }

  handleLook(load: Load): Relief {
    const state = stateOf(load);
    this.#bad = state === "bad" ? this.#bad + 1 : 0;
    this.#good = state === "good" ? this.#good + 1 : 0;
    if (this.#bad >= BAD_LOOKS && this.#step < STEPS.length - 1) this.#less();
    else if (this.#good >= this.#patience && this.#step > 0) this.#more();
    else if (this.#good >= GOOD_LOOKS) this.#tries = false;
    return this.relief;
  }

  #less(): void {
    if (this.#tries) this.#patience = Math.min(GOOD_LOOKS_MAX, this.#patience * 2);
    this.#tries = false;
    this.#bad = 0;
    this.#step++;
  }

  #more(): void {
    this.#tries = true;
    this.#good = 0;
    this.#step--;
  }
}

function stateOf({ decoding, dropped, limited, lateMs }: Load): "good" | "bad" | "so-so" {
  // A bad road drops frames, too: then they cost nothing to decode.
  const isLate = dropped >= DROPPED.bad && decoding >= DECODING.good;
  if (limited || isLate || decoding >= DECODING.bad || lateMs >= LATE_MS.bad) return "bad";
  return dropped < DROPPED.good && decoding < DECODING.good && lateMs < LATE_MS.good ? "good" : "so-so";
}
