// A call: before it, in it, after it.

import { useView } from "../app";
import type { CallView } from "../contract";
import { Icon } from "../parts/Icon";
import { CallInBites, RoadSign } from "../parts/RoadSign";
import { go } from "../route";
import { useWords } from "../words";
import { CallLobby } from "./CallLobby";
import { CallStage } from "./CallStage";

export function Call({ id }: { id: string }) {
  const words = useWords();
  const { call } = useView();
  // Whoever is in one call is shown that one: another is only named here.
  if (call && call.id !== id && call.state.kind === "in") return <OtherCall />;
  if (call?.id !== id) {
    return (
      <main className="call" id="content" tabIndex={-1} aria-busy="true">
        <p className="call-wait">{words.loading}…</p>
      </main>
    );
  }
  const inside = call.state.kind === "in" || call.state.kind === "joining";
  return (
    <main
      className="call"
      id="content"
      tabIndex={-1}
      data-call={id}
      data-state={call.state.kind}
      aria-label={words.call(call.title)}
    >
      <Head call={call} />
      <CallInBites />
      {inside ? <CallStage call={call} /> : <CallLobby call={call} />}
    </main>
  );
}

function OtherCall() {
  const words = useWords();
  return (
    <main className="call" id="content" tabIndex={-1} aria-label={words.otherCall}>
      <div className="lobby">
        <h1 className="lobby-title">{words.otherCall}</h1>
        <p className="lobby-quiet">{words.otherCallWhy}</p>
        <button type="button" className="button" onClick={() => go({ at: "calls" })}>
          {words.back}
        </button>
      </div>
    </main>
  );
}

function Head({ call }: { call: CallView }) {
  const words = useWords();
  return (
    <header className="call-head">
      <button
        type="button"
        className="button button-icon"
        aria-label={words.back}
        onClick={() => go({ at: "chat", chat: call.chat, before: null })}
      >
        <Icon name="back" />
      </button>
      <div className="detail-head-text">
        <h1 className="cut" dir="auto">
          {call.title}
        </h1>
        <p className="small cut">{call.video ? words.videoCall : words.voiceCall}</p>
      </div>
      <RoadSign />
    </header>
  );
}
