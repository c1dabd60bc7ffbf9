// Getting to know somebody: the own link to pass on, and a field for theirs.

import { type FormEvent, useRef, useState } from "react";
import { useApp, useCommand, useView } from "../app";
import { Sheet } from "../parts/Detail";
import { LinkCard } from "../parts/LinkCard";
import { ScanButton } from "../parts/Scan";
import { go } from "../route";
import { useWords } from "../words";

export function Invite() {
  const words = useWords();
  return (
    <Sheet title={words.addSomeone}>
      <AddByLink />
      <OwnLink />
    </Sheet>
  );
}

export function OwnLink() {
  const words = useWords();
  const { me } = useView();
  if (!me) return null;
  return (
    <section className="card">
      <h2>{words.yourLink}</h2>
      <p className="quiet small">{words.yourLinkWhy}</p>
      <LinkCard link={me.link} what={words.yourLink} />
    </section>
  );
}

function AddByLink() {
  const words = useWords();
  const { toasts } = useApp();
  const command = useCommand();
  const [link, setLink] = useState("");
  const [text, setText] = useState("");
  const textField = useRef<HTMLTextAreaElement>(null);
  const takeScanned = (link: string) => {
    setLink(link);
    textField.current?.focus();
  };
  const request = async (event: FormEvent) => {
    event.preventDefault();
    const trouble = await command({ kind: "requestContact", link: link.trim(), text: text.trim() });
    if (trouble) return;
    toasts.add({ kind: "done", text: words.requestSent });
    go({ at: "people" });
  };
  return (
    <form className="card" onSubmit={request}>
      <h2>{words.addByLink}</h2>
      <div className="field">
        <label htmlFor="contact-link">{words.contactLink}</label>
        <input
          id="contact-link"
          className="input"
          dir="ltr"
          autoComplete="off"
          spellCheck={false}
          aria-describedby="contact-link-hint"
          value={link}
          onChange={(event) => setLink(event.target.value)}
        />
        <p id="contact-link-hint" className="small quiet">
          {words.contactLinkHint}
        </p>
        <ScanButton wanted="contact" onLink={takeScanned} />
      </div>
      <div className="field">
        <label htmlFor="request-text">{words.requestText}</label>
        <textarea
          id="request-text"
          ref={textField}
          className="input"
          dir="auto"
          rows={2}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <button type="submit" className="button button-main" disabled={link.trim() === ""}>
        {words.sendRequest}
      </button>
    </form>
  );
}
