// Whose picture is shown large: the pinned person's, else a shared screen, else who speaks, if the person wishes that.

import { useEffect, useState } from "react";
import type { CallView, PresentRow } from "../contract";
import type { MediaSnapshot } from "../media/session";

export type Spotlight = { leaf: number; why: "pinned" | "screen" | "speaker" };

type Wanted = { pinned: number | null; layout: "grid" | "speaker"; speaker: number | null };

export function spotlightOf(present: PresentRow[], screens: number[], wanted: Wanted): Spotlight | null {
  const there = (leaf: number | null) => present.some((person) => person.leaf === leaf);
  const { pinned, layout, speaker } = wanted;
  if (pinned !== null && there(pinned)) return { leaf: pinned, why: "pinned" };
  const [screen] = screens.filter(there);
  if (screen !== undefined) return { leaf: screen, why: "screen" };
  if (layout === "grid" || present.length < 3) return null;
  const first = speaker !== null && there(speaker) ? speaker : present.find((person) => !person.me)?.leaf;
  return first === undefined ? null : { leaf: first, why: "speaker" };
}

/** A word in between takes the place from nobody: who speaks on after this does. */
const TAKES_OVER_AFTER_MS = 1_200;

/** Who speaks, without jumping about. The own voice changes nothing. */
export function useSpeaker(call: CallView, media: MediaSnapshot | null): number | null {
  const [speaker, setSpeaker] = useState<number | null>(null);
  const own = call.present.find((person) => person.me)?.leaf;
  const speaking = (media?.speaking ?? []).filter((leaf) => leaf !== own);
  const candidate = speaker !== null && speaking.includes(speaker) ? speaker : (speaking[0] ?? speaker);
  useEffect(() => {
    if (candidate === speaker) return;
    const timer = setTimeout(() => setSpeaker(candidate), speaker === null ? 0 : TAKES_OVER_AFTER_MS);
    return () => clearTimeout(timer);
  }, [candidate, speaker]);
  return speaker;
}
