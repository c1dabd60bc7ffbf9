// A field for a proxy's link: pasted or typed, or scanned from its QR code.

import { useId, useRef } from "react";
import { useWords } from "../words";
import { ScanButton } from "./Scan";

type ProxyLinkFieldProps = {
  label: string;
  /** What is done with it, in a word. */
  action: string;
  link: string;
  onLink: (link: string) => void;
};

export function ProxyLinkField({ label, action, link, onLink }: ProxyLinkFieldProps) {
  const words = useWords();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  // A code can hang anywhere: whoever scanned it sees the link before it is used.
  const takeScanned = (link: string) => {
    onLink(link);
    field.current?.focus();
  };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className="field-line">
        <input
          id={id}
          ref={field}
          className="input"
          dir="ltr"
          autoComplete="off"
          spellCheck={false}
          aria-describedby={`${id}-hint`}
          value={link}
          onChange={(event) => onLink(event.target.value)}
        />
        <button type="submit" className="button button-main" disabled={link.trim() === ""}>
          {action}
        </button>
      </div>
      <p id={`${id}-hint`} className="small quiet">
        {words.proxyLinkHint}
      </p>
      <ScanButton wanted="proxy" onLink={takeScanned} />
    </div>
  );
}
