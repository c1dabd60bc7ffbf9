// What is wrong with sound or picture, and what goes out that one should know of. Said to screen readers too.

import { useApp, useCaptured, useChoices, useCommand, useMedia } from "../app";
import type { CallView } from "../contract";
import type { CaptureSnapshot } from "../media/capture";
import { setChoices } from "../media/choices";
import type { MediaSnapshot } from "../media/session";
import { useWords, type Words } from "../words";
import { explainDevice, explainQuality } from "../words/trouble";

export function CallNotices({ call, onSwitchSharing }: { call: CallView; onSwitchSharing: () => void }) {
  const words = useWords();
  const { media: control } = useApp();
  const media = useMedia();
  const captured = useCaptured();
  const { voiceOnly } = useChoices();
  const command = useCommand();
  return (
    <div className="call-notices" role="status">
      {noticesOf(call, media, captured, words).map((notice) => (
        <p key={notice}>{notice}</p>
      ))}
      {call.present
        .filter((person) => !person.me && person.screen)
        .map((person) => (
          <p key={person.leaf} className="hidden">
            {words.sharesScreen(person.name)}
          </p>
        ))}
      {media?.sharing && (
        <Notice
          text={media.sharing.withSound ? words.sharingWithSound : words.sharingYours}
          action={words.stopSharing}
          onAct={onSwitchSharing}
        />
      )}
      {call.screenRefused && (
        <Notice
          text={words.screenRefused}
          action={words.close}
          onAct={() => void command({ kind: "screen", call: call.id, on: false })}
        />
      )}
      {voiceOnly && (
        <Notice text={words.voiceOnlyWhy} action={words.picturesAgain} onAct={() => setChoices({ voiceOnly: false })} />
      )}
      {media?.soundBlocked && (
        <Notice text={words.soundBlocked} action={words.playSound} onAct={() => control.unblockSound()} />
      )}
    </div>
  );
}

function Notice({ text, action, onAct }: { text: string; action: string; onAct: () => void }) {
  return (
    <p>
      {text}
      <button type="button" className="button" onClick={onAct}>
        {action}
      </button>
    </p>
  );
}

function noticesOf(
  call: CallView,
  media: MediaSnapshot | null,
  captured: CaptureSnapshot | null,
  words: Words,
): string[] {
  const notices: string[] = [];
  if (media?.link === "interrupted") notices.push(words.mediaInterrupted);
  if (call.state.kind === "joining" || media?.link === "connecting") notices.push(words.mediaConnecting);
  if (captured?.microphoneTrouble) notices.push(explainDevice("microphone", captured.microphoneTrouble, words));
  if (captured?.cameraTrouble) notices.push(explainDevice("camera", captured.cameraTrouble, words));
  if (captured?.blurStarts) notices.push(words.blurStarts);
  if (call.cameraRefused) notices.push(words.cameraRefused);
  for (const { name, warning } of call.present) {
    if (warning) notices.push(words.previewFrom(name, words.warningNotShown));
  }
  if (media?.report?.misplaced) notices.push(words.misplaced);
  if (media?.unheard) notices.push(words.unheard);
  const own = media?.report?.own;
  const reason = own?.grade === "poor" ? explainQuality(own, null, words) : null;
  if (reason) notices.push(reason);
  return notices;
}
