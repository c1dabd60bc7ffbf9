// The people in a call: all in equal size, or one large and the others beside.

import { useChoices } from "../app";
import type { CallView, PresentRow } from "../contract";
import type { MediaSnapshot } from "../media/session";
import { pictureOf, type Shown } from "../media/slots";
import { useWords } from "../words";
import { useChosenVideos } from "./chosen-videos";
import { gridOf, pictureHeight } from "./grid";
import { type Spotlight, spotlightOf, useSpeaker } from "./spotlight";
import { useStage } from "./stage-size";
import { Tile } from "./Tile";

type CallTilesProps = {
  call: CallView;
  media: MediaSnapshot | null;
  pinned: number | null;
  onPin: (leaf: number | null) => void;
};

export function CallTiles({ call, media, pinned, onPin }: CallTilesProps) {
  const words = useWords();
  const { voiceOnly } = useChoices();
  const [stage, size] = useStage();
  const { spotlight, large, others } = useArrangement(call, media, pinned);
  const grid = gridOf(others.length, size.width >= size.height ? "wide" : "tall");
  const rows = large ? 1 : grid.rows;
  const heightMax = size.height === 0 ? 0 : pictureHeight(size.height, rows, window.devicePixelRatio);
  useChosenVideos(call, media, { first: spotlight?.leaf ?? null, heightMax, none: voiceOnly });
  const style = { "--columns": grid.columns, "--rows": grid.rows } as React.CSSProperties;
  const tile = (person: PresentRow, isLarge: boolean) => (
    <Tile
      key={`${person.account} ${person.leaf}`}
      person={person}
      shown={voiceOnly && !person.me ? null : shownOf(person, media)}
      large={isLarge}
      pinned={person.leaf === pinned}
      quality={person.me ? (media?.report?.own ?? null) : (media?.report?.people.get(person.leaf) ?? null)}
      speaking={media?.speaking.includes(person.leaf) ?? false}
      onPin={call.present.length > 1 ? () => onPin(person.leaf === pinned ? null : person.leaf) : null}
    />
  );
  return (
    <section
      className="tiles"
      ref={stage}
      style={style}
      aria-label={words.pictures}
      data-layout={large ? "spotlight" : "grid"}
    >
      {large && tile(large, true)}
      <div className="tiles-others">{others.map((person) => tile(person, false))}</div>
      {call.present.length === 1 && <p className="tiles-alone small">{words.onlyYou}</p>}
    </section>
  );
}

type Arrangement = { spotlight: Spotlight | null; large: PresentRow | null; others: PresentRow[] };

export function useArrangement(call: CallView, media: MediaSnapshot | null, pinned: number | null): Arrangement {
  const { layout } = useChoices();
  const speaker = useSpeaker(call, media);
  const screens = call.present.filter((person) => !person.me && shownOf(person, media)?.screen);
  const wanted = { pinned, layout, speaker };
  const spotlight = spotlightOf(call.present, leavesOf(screens), wanted);
  const large = call.present.find((person) => person.leaf === spotlight?.leaf) ?? null;
  return { spotlight, large, others: call.present.filter((person) => person !== large) };
}

function leavesOf(people: PresentRow[]): number[] {
  return people.map((person) => person.leaf);
}

export function shownOf(person: PresentRow, media: MediaSnapshot | null): Shown | null {
  if (!media) return null;
  if (!person.me) return pictureOf(person, media.media, media.slots);
  return media.own && { stream: media.own, screen: media.sharing !== null };
}
