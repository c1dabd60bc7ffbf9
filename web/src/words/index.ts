// The pages' words in every language. A screen takes them by `useWords()`.

import { createContext, useContext } from "react";
import { de } from "./de";
import { type Catalogue, en } from "./en";
import { fa } from "./fa";
import { Format } from "./format";

export const LANGUAGES = ["en", "de", "fa"] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each in its own words, for the choice. */
export const LANGUAGE_NAMES: Record<Language, string> = { en: "English", de: "Deutsch", fa: "فارسی" };

/** A catalogue with the language's formats: `words.send`, `words.format.time(at)`. */
export type Words = Catalogue & { format: Format };

const CATALOGUES: Record<Language, (format: Format) => Catalogue> = { en, de, fa };
const made = new Map<Language, Words>();

export function wordsOf(language: Language): Words {
  const known = made.get(language);
  if (known) return known;
  const format = new Format(language);
  const words = { ...CATALOGUES[language](format), format };
  made.set(language, words);
  return words;
}

export function preferredLanguage(wanted: readonly string[]): Language {
  const bases = wanted.map((tag) => tag.toLowerCase().split("-")[0]);
  return (
    LANGUAGES.find((language) => language === bases.find((base) => LANGUAGES.some((known) => known === base))) ?? "en"
  );
}

export const WordsContext = createContext<Words>(wordsOf("en"));

export function useWords(): Words {
  return useContext(WordsContext);
}
