// One person in a call: the picture, or the letters of the name.

import { useEffect, useRef } from "react";
import type { PresentRow } from "../contract";
import { Avatar } from "../parts/Avatar";
import { Icon } from "../parts/Icon";
import { useWords } from "../words";

type TileProps = { person: PresentRow; picture: MediaStream | null; speaking: boolean };

export function Tile({ person, picture, speaking }: TileProps) {
  const words = useWords();
  const name = person.me ? words.you : person.name;
  return (
    <figure className="tile" data-tile={person.account} data-speaking={speaking} data-picture={picture !== null}>
      {picture ? (
        <Picture
          stream={picture}
          mirrored={person.me}
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
        {person.muted && <span className="hidden">, {words.muted}</span>}
        {person.byProxy && <span className="hidden">, {words.byProxy}</span>}
        {speaking && <span className="hidden">, {words.speaking}</span>}
      </figcaption>
    </figure>
  );
}

function Picture({ stream, mirrored, label }: { stream: MediaStream; mirrored: boolean; label: string }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = stream;
    return () => {
      element.srcObject = null;
    };
  }, [stream]);
  // Sound is played by the engine, whoever is on the screen.
  return (
    <video ref={video} className={mirrored ? "is-mirrored" : undefined} aria-label={label} autoPlay playsInline muted />
  );
}
