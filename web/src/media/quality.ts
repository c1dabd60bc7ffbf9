// How well a call goes, from two looks at its counts: for each person, and for this device itself, with the reason.

import { type Load, NO_RELIEF, type Relief } from "./relief";
import type { Inbound, MediaStats, Outbound } from "./stats";

export type Grade = "good" | "fair" | "poor";
/** `loss` and `delay` of the own road; `theirs`: only this person's sound or picture suffers; the rest is of this device. */
export type Reason = "loss" | "delay" | "theirs" | "frozen" | "computer" | "pictures" | "bandwidth";
export type Quality = { grade: Grade; reason: Reason | null };

export type Rates = {
  leaf: number;
  /** Bits a second. */
  audio: number;
  video: number;
  /** Of the packets, from 0 to 1. */
  lost: number;
  /** Of the sound, from 0 to 1; null: there was none. */
  madeUp: number | null;
  freezes: number;
  delayMs: number;
  height: number;
};

/** What the statistics panel shows, and the signs beside names. */
export type Report = {
  own: Quality;
  people: Map<number, Quality>;
  rates: Rates[];
  sent: { audio: number; video: number; height: number };
  roundTripMs: number | null;
  lostOnTheWay: number;
  frames: MediaStats["frames"];
  /** The service says of somebody's stream that it is another's. */
  misplaced: boolean;
  /** What the others' pictures ask of this computer, and how it is spared. */
  load: Load;
  relief: Relief;
};

const LOSS: Record<Exclude<Grade, "good">, number> = { fair: 0.03, poor: 0.1 };
const DELAY_MS: Record<Exclude<Grade, "good">, number> = { fair: 350, poor: 800 };
/** Of fewer packets a share says nothing. */
const PACKETS_MIN = 20;
const FRAMES_MIN = 10;
const GOOD: Quality = { grade: "good", reason: null };

export function reportOf(
  before: MediaStats,
  now: MediaStats,
  seconds: number,
  { load, relief }: Pick<Report, "load" | "relief"> = { load: loadOf(before, now, seconds, 0), relief: NO_RELIEF },
): Report {
  const rates = ratesOf(before, now, seconds);
  const roundTripMs = now.roundTrip ? now.roundTrip.ms : null;
  const lostOnTheWay = now.roundTrip?.lost ?? 0;
  const own = ownQuality(rates, now, { roundTripMs: roundTripMs ?? 0, lostOnTheWay, relief });
  const ownRoad = own.reason === "loss";
  return {
    own,
    people: new Map(rates.map((each) => [each.leaf, qualityOf(each, ownRoad)])),
    rates,
    sent: sentOf(before.outbound, now.outbound, seconds),
    roundTripMs,
    lostOnTheWay,
    frames: now.frames,
    misplaced: now.frames.misplaced > before.frames.misplaced,
    load,
    relief,
  };
}

export function loadOf(before: MediaStats, now: MediaStats, seconds: number, lateMs: number): Load {
  const sum = (count: "decodingMs" | "framesReceived" | "framesDropped") =>
    now.inbound.reduce((all, each) => {
      const old = before.inbound.find(({ mid }) => mid === each.mid);
      return all + (old ? Math.max(0, each[count] - old[count]) : 0);
    }, 0);
  const came = sum("framesReceived");
  return {
    decoding: sum("decodingMs") / (seconds * 1_000),
    dropped: came >= FRAMES_MIN ? sum("framesDropped") / came : 0,
    // Where no pictures come none can be saved.
    limited: came > 0 && now.outbound.some((each) => each.limitation === "cpu"),
    lateMs: came > 0 ? lateMs : 0,
  };
}

/** Loss with everybody is of the own road; with one of several it is theirs. */
function ownQuality(
  rates: Rates[],
  now: MediaStats,
  { roundTripMs, lostOnTheWay, relief }: Pick<Report, "lostOnTheWay" | "relief"> & { roundTripMs: number },
): Quality {
  const everywhere = rates.length === 0 ? 0 : Math.min(...rates.map((each) => each.lost));
  const loss = Math.max(lostOnTheWay, everywhere);
  const limited = new Set(now.outbound.map((each) => each.limitation));
  return worst([
    { grade: grade(loss, LOSS), reason: "loss" },
    { grade: grade(roundTripMs, DELAY_MS), reason: "delay" },
    { grade: relief.heightMax === null ? "good" : "fair", reason: "pictures" },
    { grade: limited.has("cpu") ? "fair" : "good", reason: "computer" },
    { grade: limited.has("bandwidth") ? "fair" : "good", reason: "bandwidth" },
  ]);
}

function qualityOf(rates: Rates, ownRoad: boolean): Quality {
  return worst([
    { grade: grade(rates.lost, LOSS), reason: ownRoad ? "loss" : "theirs" },
    { grade: rates.freezes > 1 ? "poor" : rates.freezes > 0 ? "fair" : "good", reason: "frozen" },
  ]);
}

function grade(value: number, limits: Record<"fair" | "poor", number>): Grade {
  return value >= limits.poor ? "poor" : value >= limits.fair ? "fair" : "good";
}

const ORDER: Grade[] = ["good", "fair", "poor"];

/** The first of the worst. */
function worst(all: Quality[]): Quality {
  const found = all.reduce(
    (known, each) => (ORDER.indexOf(each.grade) > ORDER.indexOf(known.grade) ? each : known),
    GOOD,
  );
  return found.grade === "good" ? GOOD : found;
}

function ratesOf(before: MediaStats, now: MediaStats, seconds: number): Rates[] {
  const leaves = new Set(now.inbound.flatMap(({ leaf }) => (leaf === null ? [] : [leaf])));
  return [...leaves].map((leaf) => {
    const pairs = now.inbound
      .filter((each) => each.leaf === leaf)
      .map((each) => ({ each, old: before.inbound.find(({ mid, leaf }) => mid === each.mid && leaf === each.leaf) }));
    const grew = (count: keyof Inbound & CountOf<Inbound>, kind?: string) =>
      pairs
        .filter(({ each }) => kind === undefined || each.kind === kind)
        // Who has just come into a slot is not charged with what was before.
        .reduce((sum, { each, old }) => sum + (old ? Math.max(0, each[count] - old[count]) : 0), 0);
    const [received, lost] = [grew("packetsReceived"), grew("packetsLost")];
    const [samples, madeUp] = [grew("samples"), grew("samplesMadeUp")];
    return {
      leaf,
      audio: (grew("bytesReceived", "audio") * 8) / seconds,
      video: (grew("bytesReceived", "video") * 8) / seconds,
      lost: received + lost >= PACKETS_MIN ? lost / (received + lost) : 0,
      madeUp: samples > 0 && grew("packetsReceived", "audio") >= PACKETS_MIN ? madeUp / samples : null,
      freezes: grew("freezes"),
      delayMs: Math.max(0, ...pairs.map(({ each }) => each.delayMs)),
      height: Math.max(0, ...pairs.map(({ each }) => each.height)),
    };
  });
}

type CountOf<T> = { [K in keyof T]: T[K] extends number ? K : never }[keyof T];

function sentOf(before: Outbound[], now: Outbound[], seconds: number): Report["sent"] {
  const bytes = (all: Outbound[], kind: string) =>
    all.filter((each) => each.kind === kind).reduce((sum, each) => sum + each.bytesSent, 0);
  const rate = (kind: string) => Math.max(0, ((bytes(now, kind) - bytes(before, kind)) * 8) / seconds);
  const earlier = (each: Outbound) => before.find(({ mid, rid }) => mid === each.mid && rid === each.rid);
  const sending = now.filter((each) => each.bytesSent > (earlier(each)?.bytesSent ?? 0));
  return {
    audio: rate("audio"),
    video: rate("video"),
    height: Math.max(0, ...sending.map((each) => each.height)),
  };
}
