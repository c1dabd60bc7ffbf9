// What is shown of whom: everybody has a place in the call, and a shared screen has one of its own.

import type { PresentRow } from "../contract";
import type { MediaSnapshot } from "../media/session";
import { pictureOf } from "../media/slots";

export type Place = { person: PresentRow; screen: boolean };

/** `voiceOnly`: nobody else's screen is received. */
export function placesOf(present: PresentRow[], media: MediaSnapshot | null, voiceOnly: boolean): Place[] {
  const shares = (person: PresentRow) => (person.me ? media?.sharing != null : person.screen && !voiceOnly);
  return present.flatMap((person) => {
    const own = { person, screen: false };
    return shares(person) ? [own, { person, screen: true }] : [own];
  });
}

/** The same for one person's camera, or for their screen, as long as they are in the call. */
export function keyOf({ person, screen }: Place): string {
  return `${person.account} ${person.leaf}${screen ? " screen" : ""}`;
}

export function shownOf({ person, screen }: Place, media: MediaSnapshot | null): MediaStream | null {
  if (!media) return null;
  if (!person.me) return pictureOf(person, screen, media.media, media.slots);
  return screen ? (media.sharing?.stream ?? null) : media.own;
}
