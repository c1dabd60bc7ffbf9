// What is shown large: the pinned tile, else somebody's screen, else who speaks, if the person wishes that. The own screen only if it is
// pinned: in itself it would show itself.

import { useEffect, useState } from "react";
import type { CallView } from "../contract";
import type { MediaSnapshot } from "../media/session";
import { keyOf, type Place } from "./places";

type Wanted = { pinned: string | null; layout: "grid" | "speaker"; speaker: number | null };

export function spotlightOf(places: Place[], { pinned, layout, speaker }: Wanted): Place | null {
  const chosen =
    places.find((place) => keyOf(place) === pinned) ?? places.find(({ person, screen }) => screen && !person.me);
  const people = places.filter(({ screen }) => !screen);
  if (chosen || layout === "grid" || people.length < 3) return chosen ?? null;
  return people.find(({ person }) => person.leaf === speaker) ?? people.find(({ person }) => !person.me) ?? null;
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
