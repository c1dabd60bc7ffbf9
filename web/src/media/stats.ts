// Counts for tests, for the statistics panel and for somebody who wonders: no keys, no addresses, no names.

import type { MediaSnapshot } from "./session";
import type { Counts } from "./sframe/frames";

export type Inbound = {
  mid: string;
  kind: string;
  framesReceived: number;
  framesDecoded: number;
  framesDropped: number;
  decodingMs: number;
  packetsReceived: number;
  packetsLost: number;
  bytesReceived: number;
  audioEnergy: number;
  /** Of sound: how long it was, and how many samples of it there were, and were made up because nothing had come. */
  soundSeconds: number;
  samples: number;
  samplesMadeUp: number;
  freezes: number;
  frozenMs: number;
  delayMs: number;
  height: number;
  participant: number;
  leaf: number | null;
  /** It shows a screen. */
  screen: boolean;
};
export type Outbound = {
  mid: string;
  kind: string;
  rid: string | null;
  framesSent: number;
  packetsSent: number;
  bytesSent: number;
  height: number;
  limitation: string;
};
/** What the other end tells of what it receives. */
export type RoundTrip = { ms: number; lost: number };
export type MediaStats = {
  link: string;
  frames: Counts;
  inbound: Inbound[];
  outbound: Outbound[];
  /** Null: nothing heard of it yet. */
  roundTrip: RoundTrip | null;
};

type Report = Record<string, unknown> & { type: string };

export async function gatherStats(peer: RTCPeerConnection, frames: Counts, now: MediaSnapshot): Promise<MediaStats> {
  const stats: MediaStats = { link: peer.connectionState, frames, inbound: [], outbound: [], roundTrip: null };
  const report = await peer.getStats();
  for (const each of report.values() as Iterable<Report>) {
    if (each.type === "inbound-rtp") stats.inbound.push(inbound(each, now));
    if (each.type === "outbound-rtp") stats.outbound.push(outbound(each));
    if (each.type === "remote-inbound-rtp") stats.roundTrip = worse(stats.roundTrip, each);
  }
  return stats;
}

function inbound(each: Report, now: MediaSnapshot): Inbound {
  const mid = String(each.mid ?? "");
  const played = count(each.jitterBufferEmittedCount);
  return {
    mid,
    kind: String(each.kind),
    framesReceived: count(each.framesReceived),
    framesDecoded: count(each.framesDecoded),
    framesDropped: count(each.framesDropped),
    decodingMs: count(each.totalDecodeTime) * 1_000,
    packetsReceived: count(each.packetsReceived),
    packetsLost: Math.max(0, count(each.packetsLost)),
    bytesReceived: count(each.bytesReceived),
    audioEnergy: count(each.totalAudioEnergy),
    soundSeconds: count(each.totalSamplesDuration),
    samples: count(each.totalSamplesReceived),
    // What was made up as silence is not heard: nobody spoke.
    samplesMadeUp: Math.max(0, count(each.concealedSamples) - count(each.silentConcealedSamples)),
    freezes: count(each.freezeCount),
    frozenMs: count(each.totalFreezesDuration) * 1_000,
    delayMs: played > 0 ? (count(each.jitterBufferDelay) / played) * 1_000 : 0,
    height: count(each.frameHeight),
    participant: now.slots.find((slot) => slot.mid === mid)?.participant ?? 0,
    leaf: now.media.find((slot) => slot.mid === mid)?.leaf ?? null,
    screen: now.media.find((slot) => slot.mid === mid)?.screen ?? false,
  };
}

function outbound(each: Report): Outbound {
  return {
    mid: String(each.mid ?? ""),
    kind: String(each.kind),
    rid: typeof each.rid === "string" ? each.rid : null,
    framesSent: count(each.framesSent),
    packetsSent: count(each.packetsSent),
    bytesSent: count(each.bytesSent),
    height: count(each.frameHeight),
    limitation: typeof each.qualityLimitationReason === "string" ? each.qualityLimitationReason : "none",
  };
}

function worse(known: RoundTrip | null, each: Report): RoundTrip {
  const now = { ms: count(each.roundTripTime) * 1_000, lost: Math.max(0, count(each.fractionLost)) };
  return known ? { ms: Math.max(known.ms, now.ms), lost: Math.max(known.lost, now.lost) } : now;
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
