// Keys in a call. They do nothing while one writes, chooses, or holds a modifier; and they can be turned off.

import { useEffect, useRef } from "react";
import { useChoices } from "../app";

export type Shortcuts = {
  muted: boolean;
  onMuted: (muted: boolean) => void;
  /** By the key, in lower case. */
  keys: Record<string, () => void>;
};

export function useShortcuts(shortcuts: Shortcuts): void {
  const { shortcuts: on } = useChoices();
  const newest = useRef(shortcuts);
  newest.current = shortcuts;
  useEffect(() => {
    if (!on) return;
    let held = false;
    let byKeyboard = isMarked(document.activeElement);
    const moveFocus = ({ type, target }: Event) => {
      byKeyboard = type === "focusin" && isMarked(target);
    };
    const release = () => {
      if (held) newest.current.onMuted(true);
      held = false;
    };
    const press = (event: KeyboardEvent) => {
      if (isForSomethingElse(event, byKeyboard)) return;
      if (event.key === " ") {
        event.preventDefault();
        if (!held && newest.current.muted) {
          held = true;
          newest.current.onMuted(false);
        }
        return;
      }
      const act = event.repeat ? undefined : newest.current.keys[event.key.toLowerCase()];
      if (!act) return;
      event.preventDefault();
      act();
    };
    const lift = (event: KeyboardEvent) => {
      if (event.key !== " " || !held) return;
      event.preventDefault(); // of a button that was pressed with the mouse before
      release();
    };
    addEventListener("focusin", moveFocus);
    addEventListener("pointerdown", moveFocus);
    addEventListener("keydown", press);
    addEventListener("keyup", lift);
    addEventListener("blur", release);
    return () => {
      release();
      removeEventListener("focusin", moveFocus);
      removeEventListener("pointerdown", moveFocus);
      removeEventListener("keydown", press);
      removeEventListener("keyup", lift);
      removeEventListener("blur", release);
    };
  }, [on]);
}

function isMarked(target: EventTarget | null): boolean {
  return target instanceof Element && target.matches(":focus-visible");
}

/**
 * Whoever moves by keyboard presses the button in focus with the space bar; after a press by mouse it is free for speaking.
 * `byKeyboard`: how the focus came there. Asked only now, Chromium would count this very key.
 */
function isForSomethingElse(event: KeyboardEvent, byKeyboard: boolean): boolean {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return true;
  const target = event.target instanceof Element ? event.target : null;
  if (target?.closest("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]"))
    return true;
  return event.key === " " && byKeyboard && target?.matches("button, meter") === true;
}
