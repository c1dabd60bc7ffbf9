// Before a call, or after it: who is in, who is not, and how to join.

import { useCommand } from "../app";
import type { CallView } from "../contract";
import { Avatar } from "../parts/Avatar";
import { Icon } from "../parts/Icon";
import { useWords } from "../words";
import { CallPeople } from "./CallPeople";

export function CallLobby({ call }: { call: CallView }) {
  const words = useWords();
  const over = call.state.kind === "ended";
  return (
    <div className="lobby">
      <Avatar id={call.chat} name={call.title} group size="large" />
      <p className="lobby-title" role="status">
        {over ? words.callOver : call.present.length > 0 ? words.inCall(call.present.length) : words.nobodyInCall}
      </p>
      {over ? <p className="lobby-quiet">{words.callOverWhy}</p> : <JoinButtons call={call} />}
      {!over && (
        <div className="lobby-people">
          <CallPeople call={call} />
        </div>
      )}
    </div>
  );
}

function JoinButtons({ call }: { call: CallView }) {
  const words = useWords();
  const command = useCommand();
  const join = (video: boolean) => command({ kind: "joinCall", call: call.id, video });
  return (
    <div className="row-of-buttons">
      <button type="button" className="button button-main button-large" onClick={() => join(call.video)}>
        <Icon name={call.video ? "video" : "calls"} />
        {words.joinWithVideo}
      </button>
      {call.video && (
        <button type="button" className="button button-large" onClick={() => join(false)}>
          <Icon name="microphone" />
          {words.joinWithVoice}
        </button>
      )}
    </div>
  );
}
