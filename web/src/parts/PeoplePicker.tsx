// Choosing some of the people one knows.

import { useWords } from "../words";
import { Avatar } from "./Avatar";

export type Person = { account: string; name: string };

type PickerProps = { legend: string; people: Person[]; chosen: string[]; onChange: (chosen: string[]) => void };

export function PeoplePicker({ legend, people, chosen, onChange }: PickerProps) {
  const words = useWords();
  const toggle = (account: string) =>
    onChange(chosen.includes(account) ? chosen.filter((each) => each !== account) : [...chosen, account]);
  if (people.length === 0) return <p className="quiet">{words.nobodyToAdd}</p>;
  return (
    <fieldset>
      <legend className="field-label">{legend}</legend>
      {people.map(({ account, name }) => (
        <label key={account} className="choice">
          <Avatar id={account} name={name} size="small" />
          <span className="cut" dir="auto">
            {name}
          </span>
          <input type="checkbox" checked={chosen.includes(account)} onChange={() => toggle(account)} />
        </label>
      ))}
    </fieldset>
  );
}
