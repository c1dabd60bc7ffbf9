// Where the person is. It lives in the history's state, not in the address: no id of anybody stays in a browser's history.

import { useSyncExternalStore } from "react";
import type { Look } from "./contract";

export type Route =
  | { at: "chats" }
  | { at: "chat"; chat: string; before: number | null }
  | { at: "newGroup" }
  | { at: "people" }
  | { at: "invite" }
  | { at: "calls" }
  | { at: "call"; call: string }
  | { at: "startCall"; chat: string; video: boolean }
  | { at: "settings" }
  | { at: "profile" }
  | { at: "proxies" }
  | { at: "callSettings" }
  | { at: "language" }
  | { at: "appearance" };

export type Section = "chats" | "people" | "calls" | "settings";

const SECTIONS: Record<Route["at"], Section> = {
  chats: "chats",
  chat: "chats",
  newGroup: "chats",
  people: "people",
  invite: "people",
  calls: "calls",
  call: "calls",
  startCall: "calls",
  settings: "settings",
  profile: "settings",
  proxies: "settings",
  callSettings: "settings",
  language: "settings",
  appearance: "settings",
};

export function sectionOf(route: Route): Section {
  return SECTIONS[route.at];
}

/** A section's own page, as against something opened from it. */
export function isList(route: Route): boolean {
  return route.at === sectionOf(route);
}

export function lookOf(route: Route): Look {
  return {
    chat: route.at === "chat" ? route.chat : null,
    before: route.at === "chat" ? route.before : null,
    call: route.at === "call" ? route.call : null,
  };
}

const START: Route = { at: "chats" };
const listeners = new Set<() => void>();

export function route(): Route {
  const { state } = history;
  return state && typeof state === "object" && state.at in SECTIONS ? (state as Route) : START;
}

export function go(to: Route, how: "push" | "replace" = "push"): void {
  if (how === "push") history.pushState(to, "");
  else history.replaceState(to, "");
  for (const listener of listeners) listener();
}

/** One level up, whatever way the person came. */
export function goUp(): void {
  go({ at: sectionOf(route()) });
}

export function subscribeRoute(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("popstate", listener);
  };
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribeRoute, route);
}
