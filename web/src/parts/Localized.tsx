// Gives the words of the chosen language to everything inside.

import type { ReactNode } from "react";
import { language, usePreferences } from "../preferences";
import { WordsContext, wordsOf } from "../words";

export function Localized({ children }: { children: ReactNode }) {
  usePreferences();
  return <WordsContext value={wordsOf(language())}>{children}</WordsContext>;
}
