// Somebody's shared screen, beside their own tile. It stands there before its picture has come.

import type { PresentRow } from "../contract";
import { Icon } from "../parts/Icon";
import { useWords, type Words } from "../words";
import { Picture } from "./Picture";
import { PinButton } from "./PinButton";

type ScreenTileProps = {
  /** See `keyOf`. */
  place: string;
  person: PresentRow;
  shown: MediaStream | null;
  large: boolean;
  pinned: boolean;
  onPin: () => void;
};

export function ScreenTile({ place, person, shown, large, pinned, onPin }: ScreenTileProps) {
  const name = screenName(person, useWords());
  return (
    <figure
      className={large ? "tile is-large" : "tile"}
      data-place={place}
      data-screen={person.account}
      data-mine={person.me}
      data-picture={shown !== null}
    >
      {shown ? (
        <Picture stream={shown} whole label={name} />
      ) : (
        <span className="tile-waits">
          <Icon name="screen" />
        </span>
      )}
      <figcaption className="tile-name small">
        <Icon name="screen" />
        <span className="cut" dir="auto">
          {name}
        </span>
      </figcaption>
      <PinButton name={name} pinned={pinned} onPin={onPin} />
    </figure>
  );
}

export function screenName(person: PresentRow, words: Words): string {
  return person.me ? words.yourScreen : words.screenOf(person.name);
}
