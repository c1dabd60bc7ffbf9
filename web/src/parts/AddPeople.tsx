// A dialog for adding people whom one knows to a group or to a call.

import { useState } from "react";
import { useView } from "../app";
import { useWords } from "../words";
import { Dialog } from "./Dialog";
import { PeoplePicker } from "./PeoplePicker";

type AddPeopleProps = { title: string; present: string[]; onAdd: (accounts: string[]) => void; onClose: () => void };

export function AddPeople({ title, present, onAdd, onClose }: AddPeopleProps) {
  const words = useWords();
  const { contacts } = useView();
  const [chosen, setChosen] = useState<string[]>([]);
  const people = contacts.filter((contact) => contact.standing === "accepted" && !present.includes(contact.account));
  const add = () => {
    onClose();
    onAdd(chosen);
  };
  const actions = (
    <>
      <button type="button" className="button" onClick={onClose}>
        {words.cancel}
      </button>
      <button type="button" className="button button-main" disabled={chosen.length === 0} onClick={add}>
        {words.add}
      </button>
    </>
  );
  return (
    <Dialog title={title} onClose={onClose} actions={actions}>
      <PeoplePicker legend={words.contacts} people={people} chosen={chosen} onChange={setChosen} />
    </Dialog>
  );
}
