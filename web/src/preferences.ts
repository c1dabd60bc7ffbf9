// What a person chose for this browser: language and appearance. Without a choice the system's counts.

import { useSyncExternalStore } from "react";
import { type Language, preferredLanguage } from "./words";

export type Theme = "system" | "light" | "dark";
export type Preferences = { language: Language | null; theme: Theme };

const STORED = "umweg.preferences";
const listeners = new Set<() => void>();
let current: Preferences = read();

function read(): Preferences {
  try {
    return { language: null, theme: "system", ...JSON.parse(localStorage.getItem(STORED) ?? "{}") };
  } catch {
    return { language: null, theme: "system" };
  }
}

export function preferences(): Preferences {
  return current;
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  localStorage.setItem(STORED, JSON.stringify(current));
  apply();
  for (const listener of listeners) listener();
}

export function usePreferences(): Preferences {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, preferences);
}

export function language(): Language {
  return current.language ?? preferredLanguage(navigator.languages);
}

/** Onto the document, so that style sheets and screen readers know. */
export function apply(): void {
  const root = document.documentElement;
  root.lang = language();
  root.dir = language() === "fa" ? "rtl" : "ltr";
  if (current.theme === "system") delete root.dataset.theme;
  else root.dataset.theme = current.theme;
}
