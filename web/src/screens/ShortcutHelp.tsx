// Which keys do what in a call.

import { Dialog } from "../parts/Dialog";
import { useWords } from "../words";

export function ShortcutHelp({ onClose }: { onClose: () => void }) {
  const words = useWords();
  const keys = [
    [words.spaceBar, words.speakWhileHeld],
    ["M", `${words.mute} / ${words.unmute}`],
    ["V", `${words.turnCameraOff} / ${words.turnCameraOn}`],
    ["S", words.shareScreen],
    ["H", `${words.raiseHand} / ${words.lowerHand}`],
    ["L", words.switchView],
    ["F", words.fullScreen],
    ["W", words.pictureInPicture],
    ["P", words.callInfo],
    ["O", words.voiceOnly],
    ["?", words.shortcuts],
  ];
  return (
    <Dialog title={words.shortcuts} onClose={onClose}>
      <dl className="keys">
        {keys.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
