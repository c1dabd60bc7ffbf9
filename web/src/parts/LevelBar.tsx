// How loud the own microphone is, as a bar that moves.

import { useEffect, useRef } from "react";
import { useApp } from "../app";
import { useWords } from "../words";

const EVERY_MS = 80;

export function LevelBar() {
  const words = useWords();
  const { media } = useApp();
  const bar = useRef<HTMLMeterElement>(null);
  useEffect(() => {
    // Past React: the bar moves many times a second, and nothing else does.
    const timer = setInterval(() => {
      if (bar.current) bar.current.value = media.level();
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [media]);
  return <meter ref={bar} className="level" min={0} max={1} value={0} aria-label={words.microphoneLevel} />;
}
