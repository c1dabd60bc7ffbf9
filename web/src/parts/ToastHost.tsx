// Shows the notices, and says them to screen readers.

import { useSyncExternalStore } from "react";
import { useApp } from "../app";
import type { Toast } from "../toasts";
import { useWords, type Words } from "../words";
import { explain, explainLost } from "../words/trouble";
import { Icon } from "./Icon";

export function ToastHost() {
  const { toasts } = useApp();
  const words = useWords();
  const all = useSyncExternalStore(toasts.subscribe, toasts.all);
  return (
    <section className="toasts" aria-label={words.notifications} aria-live="polite">
      {all.map((toast) => (
        <ToastLine key={toast.id} toast={toast} onClose={() => toasts.remove(toast.id)} />
      ))}
    </section>
  );
}

function textOf(toast: Toast, words: Words): string {
  switch (toast.kind) {
    case "trouble":
      return explain(toast.trouble, words);
    case "lost":
      return explainLost(toast.lost, words);
    case "done":
      return toast.text;
  }
}

function ToastLine({ toast, onClose }: { toast: Toast; onClose: () => void }) {
  const words = useWords();
  const undo = toast.kind === "done" ? toast.undo : undefined;
  return (
    <div className="toast" data-toast={toast.kind}>
      <span>{textOf(toast, words)}</span>
      {undo && (
        <button
          type="button"
          className="button"
          onClick={() => {
            onClose();
            undo();
          }}
        >
          {words.undo}
        </button>
      )}
      <button type="button" className="button button-icon" aria-label={words.close} onClick={onClose}>
        <Icon name="close" />
      </button>
    </div>
  );
}
