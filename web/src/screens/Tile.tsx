// One person in a call: the picture or the shared screen, or the letters of the name.

import type { PresentRow } from "../contract";
import type { Quality } from "../media/quality";
import type { Shown } from "../media/slots";
import { Avatar } from "../parts/Avatar";
import { Icon } from "../parts/Icon";
import { QualitySign } from "../parts/QualitySign";
import { useWords, type Words } from "../words";
import { Picture } from "./Picture";

type TileProps = {
  person: PresentRow;
  shown: Shown | null;
  large: boolean;
  pinned: boolean;
  quality: Quality | null;
  speaking: boolean;
  /** Null: there is nothing to pin. */
  onPin: (() => void) | null;
};

export function Tile({ person, shown, large, pinned, quality, speaking, onPin }: TileProps) {
  const words = useWords();
  const name = person.me ? words.you : person.name;
  return (
    <figure
      className={large ? "tile is-large" : "tile"}
      data-tile={person.account}
      data-speaking={speaking}
      data-picture={shown !== null}
      data-screen={shown?.screen ?? false}
    >
      {shown ? (
        <Picture
          stream={shown.stream}
          mirrored={person.me && !shown.screen}
          whole={shown.screen || large}
          label={labelOf(person, shown, words)}
        />
      ) : (
        <Avatar id={person.account} name={person.name} size="large" />
      )}
      <figcaption className="tile-name small">
        {person.muted && <Icon name="microphoneOff" />}
        {person.byProxy && <Icon name="detour" />}
        {shown?.screen && <Icon name="screen" />}
        <span className="cut" dir="auto">
          {name}
        </span>
        {person.hand !== null && <Icon name="hand" />}
        {person.warning && <Icon name="warning" />}
        {quality && quality.grade !== "good" && <QualitySign quality={quality} name={person.me ? null : person.name} />}
        {person.muted && <span className="hidden">, {words.muted}</span>}
        {person.byProxy && <span className="hidden">, {words.byProxy}</span>}
        {shown?.screen && <span className="hidden">, {labelOf(person, shown, words)}</span>}
        {person.hand !== null && <span className="hidden">, {words.handRaised}</span>}
        {person.warning && <span className="hidden">, {words.warningNotShown}</span>}
        {speaking && <span className="hidden">, {words.speaking}</span>}
      </figcaption>
      {person.reaction !== null && (
        <span className="tile-reaction" role="img" aria-label={words.reactedWith(person.reaction)}>
          {person.reaction}
        </span>
      )}
      {onPin && (
        <button
          type="button"
          className="button button-icon tile-pin"
          aria-pressed={pinned}
          aria-label={words.pin(name)}
          title={pinned ? words.unpin(name) : words.pin(name)}
          onClick={onPin}
        >
          <Icon name="pin" />
        </button>
      )}
    </figure>
  );
}

function labelOf(person: PresentRow, shown: Shown, words: Words): string {
  if (shown.screen) return person.me ? words.yourScreen : words.screenOf(person.name);
  return person.me ? words.yourPicture : words.pictureOf(person.name);
}
