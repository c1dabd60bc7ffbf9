// The call in a small window above all others. Where the browser gives a window of one's own it has switches too; elsewhere
// it is the picture alone.

import { type ReactNode, useEffect, useState } from "react";
import { createPortal } from "react-dom";

type OwnWindow = { requestWindow(size: { width: number; height: number }): Promise<Window> };

function ownWindow(): OwnWindow | null {
  return (globalThis as { documentPictureInPicture?: OwnWindow }).documentPictureInPicture ?? null;
}

export function canShowSmall(): boolean {
  return ownWindow() !== null || document.pictureInPictureEnabled === true;
}

export type SmallWindow = { open: boolean; toggle: () => void; portal: (content: ReactNode) => ReactNode };

export function useSmallWindow(): SmallWindow {
  const [pane, setPane] = useState<Window | null>(null);
  useEffect(() => () => pane?.close(), [pane]);
  const toggle = async () => {
    if (pane) return pane.close();
    const opened = await ownWindow()
      ?.requestWindow({ width: 340, height: 260 })
      .catch(() => null);
    if (!opened) return showPicture();
    dress(opened.document);
    opened.addEventListener("pagehide", () => setPane(null));
    setPane(opened);
  };
  return {
    open: pane !== null,
    toggle: () => void toggle(),
    portal: (content) => pane && createPortal(content, pane.document.body),
  };
}

/** The same style sheets, language and direction. */
function dress(pane: Document): void {
  for (const sheet of document.querySelectorAll<HTMLLinkElement | HTMLStyleElement>("link[rel=stylesheet], style")) {
    const copy = pane.importNode(sheet, true);
    if ("href" in sheet && "href" in copy) copy.href = sheet.href; // the new window has no address of its own
    pane.head.append(copy);
  }
  const { lang, dir } = document.documentElement;
  Object.assign(pane.documentElement, { lang, dir });
  pane.title = document.title;
  pane.body.className = "small-window";
}

async function showPicture(): Promise<void> {
  if (document.pictureInPictureElement) return document.exitPictureInPicture().catch(() => undefined);
  const picture = document.querySelector<HTMLVideoElement>(
    ".tile.is-large video, .tile:not([data-mine='true']) video:not(.is-mirrored)",
  );
  await picture?.requestPictureInPicture?.().catch(() => undefined);
}
