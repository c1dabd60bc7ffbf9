// Before a call, or after it: who is in, who is not, how one will be seen and heard, and how to join.

import { useChoices, useCommand } from "../app";
import type { CallView } from "../contract";
import { Avatar } from "../parts/Avatar";
import { Icon } from "../parts/Icon";
import { useWords } from "../words";
import { explainStop } from "../words/trouble";
import { CallPeople } from "./CallPeople";
import { LobbyPreview } from "./LobbyPreview";

export function CallLobby({ call }: { call: CallView }) {
  const words = useWords();
  const why = call.stopped && explainStop(call.stopped, words);
  if (call.state.kind === "ended") {
    return (
      <div className="lobby">
        <Avatar id={call.chat} name={call.title} group size="large" />
        <p className="lobby-title" role="status">
          {words.callOver}
        </p>
        <p className="lobby-quiet">{why ?? words.callOverWhy}</p>
      </div>
    );
  }
  return (
    <div className="lobby">
      <p className="lobby-title" role="status">
        {call.present.length > 0 ? words.inCall(call.present.length) : words.nobodyInCall}
      </p>
      {call.present.length > 0 && (
        <p className="lobby-quiet lobby-who" aria-hidden>
          {words.callWith(call.present.map(({ name }) => name))}
        </p>
      )}
      {why && (
        <p className="warning" role="alert">
          {why}
        </p>
      )}
      <div className="lobby-columns">
        <LobbyPreview video={call.video}>
          <JoinButtons call={call} />
        </LobbyPreview>
        <div className="lobby-people">
          <CallPeople call={call} />
        </div>
      </div>
    </div>
  );
}

function JoinButtons({ call }: { call: CallView }) {
  const words = useWords();
  const command = useCommand();
  const { enterWithCamera } = useChoices();
  const join = (video: boolean) => command({ kind: "joinCall", call: call.id, video });
  return (
    <div className="row-of-buttons">
      <button
        type="button"
        className="button button-main button-large"
        onClick={() => join(call.video && enterWithCamera)}
      >
        <Icon name={call.video && enterWithCamera ? "video" : "calls"} />
        {words.joinWithVideo}
      </button>
      {call.video && enterWithCamera && (
        <button type="button" className="button button-large" onClick={() => join(false)}>
          <Icon name="microphone" />
          {words.joinWithVoice}
        </button>
      )}
    </div>
  );
}
