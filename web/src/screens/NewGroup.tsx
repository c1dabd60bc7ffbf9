// A new group: its name and who is in it.

import { type FormEvent, useState } from "react";
import { useCommand, useView } from "../app";
import { Sheet } from "../parts/Detail";
import { Empty } from "../parts/Empty";
import { PeoplePicker } from "../parts/PeoplePicker";
import { go } from "../route";
import { useWords } from "../words";

export function NewGroup() {
  const words = useWords();
  const command = useCommand();
  const { contacts } = useView();
  const [name, setName] = useState("");
  const [members, setMembers] = useState<string[]>([]);
  const people = contacts.filter((contact) => contact.standing === "accepted");
  const create = async (event: FormEvent) => {
    event.preventDefault();
    const trouble = await command({ kind: "createGroup", name: name.trim(), members });
    if (!trouble) go({ at: "chats" });
  };
  return (
    <Sheet title={words.newGroup}>
      {people.length === 0 ? (
        <Empty icon="people" title={words.noContactsForGroup} why={words.noContactsForGroupWhy}>
          <button type="button" className="button button-main" onClick={() => go({ at: "invite" })}>
            {words.addSomeone}
          </button>
        </Empty>
      ) : (
        <form className="card" onSubmit={create}>
          <div className="field">
            <label htmlFor="new-group-name">{words.groupName}</label>
            <input
              id="new-group-name"
              className="input"
              dir="auto"
              autoComplete="off"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          </div>
          <PeoplePicker legend={words.groupMembers} people={people} chosen={members} onChange={setMembers} />
          <button type="submit" className="button button-main" disabled={name.trim() === "" || members.length === 0}>
            {words.createGroup}
          </button>
        </form>
      )}
    </Sheet>
  );
}
