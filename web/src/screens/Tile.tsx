// One person in a call: the camera's picture, or the letters of the name.

import type { PresentRow } from "../contract";
import type { Quality } from "../media/quality";
import { Avatar } from "../parts/Avatar";
import { Icon } from "../parts/Icon";
import { QualitySign } from "../parts/QualitySign";
import { useWords } from "../words";
import { Picture } from "./Picture";
import { PinButton } from "./PinButton";

type TileProps = {
  /** See `keyOf`. */
  place: string;
  person: PresentRow;
  shown: MediaStream | null;
  large: boolean;
  pinned: boolean;
  quality: Quality | null;
  speaking: boolean;
  /** Null: there is nothing to pin. */
  onPin: (() => void) | null;
};

export function Tile({ place, person, shown, large, pinned, quality, speaking, onPin }: TileProps) {
  const words = useWords();
  const name = person.me ? words.you : person.name;
  return (
    <figure
      className={large ? "tile is-large" : "tile"}
      data-place={place}
      data-tile={person.account}
      data-speaking={speaking}
      data-picture={shown !== null}
    >
      {shown ? (
        <Picture
          stream={shown}
          mirrored={person.me}
          whole={large}
          label={person.me ? words.yourPicture : words.pictureOf(person.name)}
        />
      ) : (
        <Avatar id={person.account} name={person.name} size="large" />
      )}
      <figcaption className="tile-name small">
        {person.muted && <Icon name="microphoneOff" />}
        {person.byProxy && <Icon name="detour" />}
        <span className="cut" dir="auto">
          {name}
        </span>
        {person.hand !== null && <Icon name="hand" />}
        {person.warning && <Icon name="warning" />}
        {quality && quality.grade !== "good" && <QualitySign quality={quality} name={person.me ? null : person.name} />}
        {person.muted && <span className="hidden">, {words.muted}</span>}
        {person.byProxy && <span className="hidden">, {words.byProxy}</span>}
        {person.hand !== null && <span className="hidden">, {words.handRaised}</span>}
        {person.warning && <span className="hidden">, {words.warningNotShown}</span>}
        {speaking && <span className="hidden">, {words.speaking}</span>}
      </figcaption>
      {person.reaction !== null && (
        <span className="tile-reaction" role="img" aria-label={words.reactedWith(person.reaction)}>
          {person.reaction}
        </span>
      )}
      {onPin && <PinButton name={name} pinned={pinned} onPin={onPin} />}
    </figure>
  );
}
