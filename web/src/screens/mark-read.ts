// Says that the person has seen the newest line: when it is on the screen, and the window is looked at.

import { useEffect, useRef, useSyncExternalStore } from "react";
import { useApp } from "../app";
import type { ChatView } from "../contract";

export function useMarkRead(chat: ChatView): void {
  const { link } = useApp();
  const attended = useSyncExternalStore(subscribeAttention, isAttended);
  const told = useRef<{ chat: string; seq: number }>({ chat: "", seq: 0 });
  const seq = chat.lines.reduce((newest, line) => Math.max(newest, line.seq), 0);
  useEffect(() => {
    const known = told.current.chat === chat.id ? told.current.seq : 0;
    if (!attended || seq <= known) return;
    told.current = { chat: chat.id, seq };
    void link.command({ kind: "markRead", chat: chat.id, seq });
  }, [link, attended, chat.id, seq]);
}

function isAttended(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

function subscribeAttention(listener: () => void): () => void {
  addEventListener("focus", listener);
  addEventListener("blur", listener);
  document.addEventListener("visibilitychange", listener);
  return () => {
    removeEventListener("focus", listener);
    removeEventListener("blur", listener);
    document.removeEventListener("visibilitychange", listener);
  };
}
