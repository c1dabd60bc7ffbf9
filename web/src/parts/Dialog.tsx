// A dialog of the browser's own: it traps the focus, gives it back, and closes with Escape.

import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useWords } from "../words";
import { Icon } from "./Icon";

type DialogProps = { title: string; onClose: () => void; children: ReactNode; actions?: ReactNode };

export function Dialog({ title, onClose, children, actions }: DialogProps) {
  const words = useWords();
  const titleId = useId();
  const ref = useModal();
  return (
    <dialog
      ref={ref}
      className="dialog"
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div className="dialog-body">
        <div className="dialog-head">
          <h2 id={titleId}>{title}</h2>
          <button type="button" className="button button-icon" aria-label={words.close} onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
        {children}
        {actions && <div className="dialog-actions">{actions}</div>}
      </div>
    </dialog>
  );
}

/** For a dialog that shows itself as soon as it is there, above everything else. */
export function useModal() {
  const ref = useRef<HTMLDialogElement>(null);
  // Not after it is gone from the page: then it would give the focus back to nobody.
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return ref;
}

type ConfirmProps = {
  title: string;
  why: string;
  action: string;
  tone?: "danger" | "main";
  onConfirm: () => void;
  onClose: () => void;
};

/** Before something that cannot be taken back, or that somebody else suggests. */
export function Confirm({ title, why, action, tone = "danger", onConfirm, onClose }: ConfirmProps) {
  const words = useWords();
  const confirm = () => {
    onClose();
    onConfirm();
  };
  const actions = (
    <>
      <button type="button" className="button" onClick={onClose}>
        {words.cancel}
      </button>
      <button type="button" className={`button button-${tone}`} onClick={confirm}>
        {action}
      </button>
    </>
  );
  return (
    <Dialog title={title} onClose={onClose} actions={actions}>
      <p className="quiet">{why}</p>
    </Dialog>
  );
}
