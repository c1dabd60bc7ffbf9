// Counts for tests and for somebody who wonders: no keys, no addresses, no names.

import type { MediaSnapshot } from "./session";
import type { Counts } from "./sframe/frames";

export type Inbound = {
  mid: string;
  kind: string;
  framesDecoded: number;
  packetsReceived: number;
  audioEnergy: number;
  participant: number;
  leaf: number | null;
};
export type Outbound = { kind: string; rid: string | null; framesSent: number; packetsSent: number };
export type MediaStats = { link: string; frames: Counts; inbound: Inbound[]; outbound: Outbound[] };

export async function gatherStats(peer: RTCPeerConnection, frames: Counts, now: MediaSnapshot): Promise<MediaStats> {
  const stats: MediaStats = { link: peer.connectionState, frames, inbound: [], outbound: [] };
  const report = await peer.getStats();
  for (const each of report.values() as Iterable<Record<string, unknown> & { type: string }>) {
    if (each.type === "inbound-rtp") stats.inbound.push(inbound(each, now));
    if (each.type === "outbound-rtp") stats.outbound.push(outbound(each));
  }
  return stats;
}

function inbound(each: Record<string, unknown>, now: MediaSnapshot): Inbound {
  const mid = String(each.mid ?? "");
  return {
    mid,
    kind: String(each.kind),
    framesDecoded: count(each.framesDecoded),
    packetsReceived: count(each.packetsReceived),
    audioEnergy: count(each.totalAudioEnergy),
    participant: now.slots.find((slot) => slot.mid === mid)?.participant ?? 0,
    leaf: now.media.find((slot) => slot.mid === mid)?.leaf ?? null,
  };
}

function outbound(each: Record<string, unknown>): Outbound {
  return {
    kind: String(each.kind),
    rid: typeof each.rid === "string" ? each.rid : null,
    framesSent: count(each.framesSent),
    packetsSent: count(each.packetsSent),
  };
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
