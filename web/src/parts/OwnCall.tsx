// The call that this device is in, on every screen but its own.

import { useApp, useMedia, useView } from "../app";
import { go, useRoute } from "../route";
import { useWords } from "../words";
import { useNow } from "./clock";
import { Icon } from "./Icon";

/** The call that this device is in, or on its way into. */
export function useOwnCall() {
  const { call, calls } = useView();
  return [...(call ? [call] : []), ...calls].find(({ state }) => state.kind === "in" || state.kind === "joining");
}

export function OwnCall() {
  const words = useWords();
  const { call } = useView();
  const { media: control } = useApp();
  const media = useMedia();
  const route = useRoute();
  const now = useNow(1000);
  const own = useOwnCall();
  if (!own || (route.at === "call" && route.call === own.id)) return null;
  const muted = media?.muted ?? (call?.id === own.id && call.muted);
  return (
    <section className="strip-line strip-call" aria-label={words.call(own.title)} data-own-call={own.id}>
      <span className="cut" dir="auto">
        {own.title}
      </span>
      {own.state.kind === "in" ? (
        <span role="timer">{words.format.duration(now - own.state.since)}</span>
      ) : (
        <span>{words.callJoining}</span>
      )}
      {media && (
        <button
          type="button"
          className="button button-icon"
          aria-label={muted ? words.unmute : words.mute}
          onClick={() => control.setMuted(!muted)}
        >
          <Icon name={muted ? "microphoneOff" : "microphone"} />
        </button>
      )}
      <button type="button" className="button" onClick={() => go({ at: "call", call: own.id })}>
        {words.returnToCall}
      </button>
    </section>
  );
}
