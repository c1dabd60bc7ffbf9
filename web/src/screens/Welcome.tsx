// The first screen: a name makes an account. Without a road, proxies can be set before it.

import { type FormEvent, useState } from "react";
import { useCommand } from "../app";
import { Brand } from "../parts/Icon";
import { RoadSign } from "../parts/RoadSign";
import { useWords } from "../words";

export function Welcome() {
  const words = useWords();
  const command = useCommand();
  const [name, setName] = useState("");
  const create = (event: FormEvent) => {
    event.preventDefault();
    void command({ kind: "createAccount", name: name.trim() });
  };
  return (
    <main className="alone" id="content" tabIndex={-1}>
      <div className="alone-box">
        <Brand />
        <h1>{words.welcomeTitle}</h1>
        <p className="quiet">{words.welcomeWhy}</p>
        <form className="card" onSubmit={create}>
          <div className="field">
            <label htmlFor="new-name">{words.welcomeName}</label>
            <input
              id="new-name"
              className="input"
              dir="auto"
              autoComplete="name"
              aria-describedby="new-name-hint"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
            <p id="new-name-hint" className="small quiet">
              {words.welcomeNameHint}
            </p>
          </div>
          <button type="submit" className="button button-main" disabled={name.trim() === ""}>
            {words.createAccount}
          </button>
        </form>
        <RoadSign />
      </div>
    </main>
  );
}
