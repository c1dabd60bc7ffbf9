// What every screen can reach: the app behind the page, the call's media, and a place for notices.

import { createContext, useCallback, useContext, useSyncExternalStore } from "react";
import type { Command, View } from "./contract";
import type { AppLink, LinkState, Trouble } from "./link/link";
import type { CaptureSnapshot } from "./media/capture";
import { type Choices, choices, subscribeChoices } from "./media/choices";
import type { Device } from "./media/devices";
import type { MediaSnapshot } from "./media/session";
import type { Toasts } from "./toasts";

/** This page's part in a call, as screens use it. */
export type CallMedia = {
  subscribe(listener: () => void): () => void;
  snapshot(): MediaSnapshot | null;
  captured(): CaptureSnapshot | null;
  level(): number;
  openLobby(): () => void;
  capture(wants: { microphone?: boolean; camera?: boolean }): Promise<void>;
  askAgain(device: Device): Promise<void>;
  setMuted(muted: boolean): Promise<void>;
  setCamera(on: boolean): Promise<void>;
  setSharing(on: boolean): Promise<void>;
  unblockSound(): Promise<void>;
};

export type App = { link: AppLink; media: CallMedia; toasts: Toasts };

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("a screen needs an AppContext around it");
  return app;
}

export function useLinkState(): LinkState {
  const { link } = useApp();
  return useSyncExternalStore(link.subscribe, link.state);
}

/** For screens that are shown with a view only. */
export function useView(): View {
  const { view } = useLinkState();
  if (!view) throw new Error("this screen is shown only with a view");
  return view;
}

export function useMedia(): MediaSnapshot | null {
  const { media } = useApp();
  return useSyncExternalStore(media.subscribe, media.snapshot);
}

/** The own microphone and camera; null while nothing uses them. */
export function useCaptured(): CaptureSnapshot | null {
  const { media } = useApp();
  return useSyncExternalStore(media.subscribe, media.captured);
}

/** What the person chose for calls. */
export function useChoices(): Choices {
  return useSyncExternalStore(subscribeChoices, choices);
}

/** Asks the app for something. What it says no to becomes a notice, and the caller gets the reason. */
export function useCommand(): (command: Command) => Promise<Trouble | null> {
  const { link, toasts } = useApp();
  return useCallback(
    async (command) => {
      const trouble = await link.command(command);
      if (trouble) toasts.add({ kind: "trouble", trouble });
      return trouble;
    },
    [link, toasts],
  );
}
