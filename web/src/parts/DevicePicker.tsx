// Which microphone, camera and speaker are used.

import { useId } from "react";
import { useCaptured, useChoices } from "../app";
import { setChoices } from "../media/choices";
import type { Listed } from "../media/devices";
import { canChooseSpeaker } from "../media/sound";
import { useWords } from "../words";

/** With what can be chosen of; nothing before the browser tells what there is. */
export function DevicePicker({ camera = true }: { camera?: boolean }) {
  const words = useWords();
  const { microphone, camera: chosenCamera, speaker } = useChoices();
  const devices = useCaptured()?.devices;
  if (!devices) return null;
  return (
    <div className="devices">
      <Pick
        label={words.microphone}
        list={devices.microphones}
        chosen={microphone}
        onChoose={(id) => setChoices({ microphone: id })}
      />
      {camera && (
        <Pick
          label={words.camera}
          list={devices.cameras}
          chosen={chosenCamera}
          onChoose={(id) => setChoices({ camera: id })}
        />
      )}
      {canChooseSpeaker() && (
        <Pick
          label={words.speaker}
          list={devices.speakers}
          chosen={speaker}
          onChoose={(id) => setChoices({ speaker: id })}
        />
      )}
    </div>
  );
}

type PickProps = { label: string; list: Listed[]; chosen: string | null; onChoose: (id: string | null) => void };

function Pick({ label, list, chosen, onChoose }: PickProps) {
  const words = useWords();
  const id = useId();
  if (list.length === 0) return null;
  const there = list.some((each) => each.id === chosen) ? (chosen ?? "") : "";
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        className="input"
        dir="auto"
        value={there}
        onChange={(event) => onChoose(event.target.value === "" ? null : event.target.value)}
      >
        <option value="">{words.systemDevice}</option>
        {list.map((each) => (
          <option key={each.id} value={each.id}>
            {each.name}
          </option>
        ))}
      </select>
    </div>
  );
}
