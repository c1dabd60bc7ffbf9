// Says what is new to screen readers.

import { useEffect, useRef, useState } from "react";
import { announcements } from "../announce";
import { useLinkState } from "../app";
import type { View } from "../contract";
import { useWords } from "../words";

export function Announcer() {
  const { view } = useLinkState();
  const words = useWords();
  const last = useRef<View | null>(null);
  const [said, setSaid] = useState("");
  useEffect(() => {
    const before = last.current;
    last.current = view;
    if (!before || !view || before === view) return;
    const news = announcements(before, view, words);
    if (news.length > 0) setSaid(news.join(". "));
  }, [view, words]);
  return (
    <p className="hidden" aria-live="polite" data-announcer>
      {said}
    </p>
  );
}
