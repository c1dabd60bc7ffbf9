// Shows the notices, and says them to screen readers.

import { useSyncExternalStore } from "react";
import { useApp } from "../app";
import type { Toast } from "../toasts";
import { useWords } from "../words";
import { explain } from "../words/trouble";
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

function ToastLine({ toast, onClose }: { toast: Toast; onClose: () => void }) {
  const words = useWords();
  const { text, detail } =
    toast.kind === "trouble" ? explain(toast.trouble, words) : { text: toast.text, detail: null };
  const undo = toast.kind === "done" ? toast.undo : undefined;
  return (
    <div className="toast" data-toast={toast.kind}>
      <span>
        {text}
        {detail && (
          <span className="small" lang="en" dir="ltr">
            {" "}
            ({detail})
          </span>
        )}
      </span>
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
