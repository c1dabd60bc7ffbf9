// Devices, and how sound and picture are treated, while a call runs.

import { DevicePicker } from "../parts/DevicePicker";
import { Dialog } from "../parts/Dialog";
import { LevelBar } from "../parts/LevelBar";
import { useWords } from "../words";
import { PictureChoices, SoundChoices } from "./CallSettings";

export function CallOptions({ onClose }: { onClose: () => void }) {
  const words = useWords();
  return (
    <Dialog title={words.callSettings} onClose={onClose}>
      <LevelBar />
      <DevicePicker />
      <div>
        <SoundChoices />
        <PictureChoices />
      </div>
    </Dialog>
  );
}
