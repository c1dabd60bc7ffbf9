// Whose picture a tile may show.
//
// The SFU says which participant a slot carries; the key id of the sealed frames says which leaf sealed them. A picture is shown
// only where both name the same person of the view: a lying SFU can hide a picture, but not put it under another name. Whether it is
// the person's camera or screen the key id says alone.

import type { PresentRow, SlotView } from "../contract";
import type { Kind } from "./sframe/codecs";

/** A receiving section as the engine knows it. */
export type SlotMedia = { mid: string; kind: Kind; leaf: number | null; screen: boolean; stream: MediaStream };

/** Somebody's camera or screen. */
export function pictureOf(
  person: PresentRow,
  screen: boolean,
  media: SlotMedia[],
  slots: SlotView[],
): MediaStream | null {
  if (person.participant === null || !(screen ? person.screen : person.video)) return null;
  const mids = slots.filter((slot) => slot.participant === person.participant).map((slot) => slot.mid);
  const ofPerson = media.filter(
    ({ kind, leaf, mid }) => kind === "video" && leaf === person.leaf && mids.includes(mid),
  );
  return ofPerson.find((slot) => slot.screen === screen)?.stream ?? null;
}
