// Tells the app which pictures are on the screen, the most wanted first, and how large: more is not worth sending.

import { useEffect } from "react";
import { useApp } from "../app";
import type { CallView } from "../contract";
import { NO_RELIEF } from "../media/relief";
import type { MediaSnapshot } from "../media/session";

/** No participant has this number; wishing for its picture alone is wishing for none. */
const NOBODY = 0;

/** `first`: the leaf whose picture or screen is shown large. `none`: no pictures at all. */
type Choice = { first: number | null; heightMax: number; none: boolean };

export function useChosenVideos(call: CallView, media: MediaSnapshot | null, { first, heightMax, none }: Choice): void {
  const { link } = useApp();
  const relief = media?.report?.relief ?? NO_RELIEF;
  const wanted = none
    ? String(NOBODY)
    : wantedOf(call, first)
        .slice(0, relief.picturesMax ?? undefined)
        .join(",");
  const height = Math.min(heightMax, relief.heightMax ?? heightMax);
  const { id, state } = call;
  // A new connection knows nothing of what was wished on the one before.
  const connected = media?.link === "connected";
  // biome-ignore lint/correctness/useExhaustiveDependencies: `connected` says when to tell it again
  useEffect(() => {
    if (state.kind !== "in" || height === 0 || wanted === "") return;
    const participants = wanted.split(",").map(Number);
    void link.command({ kind: "chooseVideos", call: id, participants, heightMax: height });
  }, [link, id, state.kind, wanted, height, connected]);
}

function wantedOf(call: CallView, first: number | null): number[] {
  const others = call.present.filter((person) => !person.me && (person.video || person.screen));
  const sorted = [...others.filter(({ leaf }) => leaf === first), ...others.filter(({ leaf }) => leaf !== first)];
  return sorted.flatMap(({ participant }) => (participant === null ? [] : [participant]));
}
