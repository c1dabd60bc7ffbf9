// Whose picture a tile may show.
//
// The SFU says which participant a slot carries; the key id of the sealed frames says which leaf sealed them. A picture is shown
// only where both name the same person of the view: a lying SFU can hide a picture, but not put it under another name.

import type { PresentRow, SlotView } from "../contract";
import type { Kind } from "./sframe/codecs";

/** A receiving section as the engine knows it. */
export type SlotMedia = { mid: string; kind: Kind; leaf: number | null; screen: boolean; stream: MediaStream };

export type Shown = Pick<SlotMedia, "stream" | "screen">;

export function pictureOf(person: PresentRow, media: SlotMedia[], slots: SlotView[]): Shown | null {
  if (person.participant === null || !person.video) return null;
  const mids = slots.filter((slot) => slot.participant === person.participant).map((slot) => slot.mid);
  return media.find(({ kind, leaf, mid }) => kind === "video" && leaf === person.leaf && mids.includes(mid)) ?? null;
}
