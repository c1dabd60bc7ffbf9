// A moving picture without sound: the engine plays that, whoever is on the screen.

import { useEffect, useRef } from "react";

type PictureProps = { stream: MediaStream; mirrored?: boolean; whole?: boolean; label: string };

/** `whole`: nothing is cut off, as a shared screen needs it. */
export function Picture({ stream, mirrored = false, whole = false, label }: PictureProps) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    const element = video.current;
    if (!element) return;
    element.srcObject = stream;
    return () => {
      element.srcObject = null;
    };
  }, [stream]);
  const classes = [mirrored && "is-mirrored", whole && "is-whole"].filter(Boolean).join(" ");
  // There is nothing to press; Firefox would stop here all the same.
  return (
    <video ref={video} className={classes || undefined} aria-label={label} tabIndex={-1} autoPlay playsInline muted />
  );
}
