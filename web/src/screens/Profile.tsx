// The account: its name, and the link by which others ask.

import { type FormEvent, useState } from "react";
import { useApp, useCommand, useView } from "../app";
import { Sheet } from "../parts/Detail";
import { useWords } from "../words";
import { OwnLink } from "./Invite";

export function Profile() {
  const words = useWords();
  const { toasts } = useApp();
  const command = useCommand();
  const { me } = useView();
  const [name, setName] = useState(me?.name ?? "");
  const rename = async (event: FormEvent) => {
    event.preventDefault();
    const trouble = await command({ kind: "rename", name: name.trim() });
    if (!trouble) toasts.add({ kind: "done", text: words.saved });
  };
  return (
    <Sheet title={words.profile}>
      <form className="card" onSubmit={rename}>
        <div className="field">
          <label htmlFor="own-name">{words.welcomeName}</label>
          <div className="field-line">
            <input
              id="own-name"
              className="input"
              dir="auto"
              autoComplete="name"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
            <button type="submit" className="button" disabled={name.trim() === "" || name === me?.name}>
              {words.save}
            </button>
          </div>
        </div>
      </form>
      <OwnLink />
    </Sheet>
  );
}
