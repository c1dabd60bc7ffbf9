// The people in a call and the screens they share: all in equal size, or one large and the others beside.

import { useEffect, useRef } from "react";
import { useChoices } from "../app";
import type { CallView } from "../contract";
import type { MediaSnapshot } from "../media/session";
import { useWords } from "../words";
import { useChosenVideos } from "./chosen-videos";
import { gridOf, pictureHeight } from "./grid";
import { keyOf, type Place, placesOf, shownOf } from "./places";
import { ScreenTile } from "./ScreenTile";
import { spotlightOf, useSpeaker } from "./spotlight";
import { useStage } from "./stage-size";
import { Tile } from "./Tile";

type CallTilesProps = {
  call: CallView;
  media: MediaSnapshot | null;
  /** See `keyOf`. */
  pinned: string | null;
  onPin: (key: string | null) => void;
};

export function CallTiles({ call, media, pinned, onPin }: CallTilesProps) {
  const words = useWords();
  const { voiceOnly } = useChoices();
  const [stage, size] = useStage();
  const { large, others } = useArrangement(call, media, pinned);
  const grid = gridOf(others.length, size.width >= size.height ? "wide" : "tall");
  const rows = large ? 1 : grid.rows;
  const heightMax = size.height === 0 ? 0 : pictureHeight(size.height, rows, window.devicePixelRatio);
  useChosenVideos(call, media, { first: large?.person.leaf ?? null, heightMax, none: voiceOnly });
  const style = { "--columns": grid.columns, "--rows": grid.rows } as React.CSSProperties;
  const pressed = useRef<string | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `pinned` says when tiles have changed places
  useEffect(() => {
    // The button went along with its tile, and is another one there: who pressed it by keyboard goes on from it.
    const moved =
      pressed.current && stage.current?.querySelector<HTMLElement>(`[data-place="${pressed.current}"] .tile-pin`);
    if (moved) moved.focus();
    pressed.current = null;
  }, [pinned]);
  const tile = (place: Place, isLarge: boolean) => {
    const { person } = place;
    const key = keyOf(place);
    const shown = voiceOnly && !person.me ? null : shownOf(place, media);
    const switchPin = () => {
      pressed.current = key;
      onPin(key === pinned ? null : key);
    };
    const common = { place: key, person, shown, large: isLarge, pinned: key === pinned };
    if (place.screen) return <ScreenTile key={key} {...common} onPin={switchPin} />;
    return (
      <Tile
        key={key}
        {...common}
        quality={person.me ? (media?.report?.own ?? null) : (media?.report?.people.get(person.leaf) ?? null)}
        speaking={media?.speaking.includes(person.leaf) ?? false}
        onPin={large || others.length > 1 ? switchPin : null}
      />
    );
  };
  return (
    <section
      className="tiles"
      ref={stage}
      style={style}
      aria-label={words.pictures}
      data-layout={large ? "spotlight" : "grid"}
    >
      {large && tile(large, true)}
      <div className="tiles-others">{others.map((place) => tile(place, false))}</div>
      {call.present.length === 1 && <p className="tiles-alone small">{words.onlyYou}</p>}
    </section>
  );
}

type Arrangement = { large: Place | null; others: Place[] };

export function useArrangement(call: CallView, media: MediaSnapshot | null, pinned: string | null): Arrangement {
  const { layout, voiceOnly } = useChoices();
  const speaker = useSpeaker(call, media);
  const places = placesOf(call.present, media, voiceOnly);
  const large = spotlightOf(places, { pinned, layout, speaker });
  return { large, others: places.filter((place) => place !== large) };
}
