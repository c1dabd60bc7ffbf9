// Before a call that one starts oneself, for who wants to look at camera and microphone first.

import { useChoices, useCommand, useView } from "../app";
import { Icon } from "../parts/Icon";
import { CallInBites, RoadSign } from "../parts/RoadSign";
import { go } from "../route";
import { useWords } from "../words";
import { LobbyPreview } from "./LobbyPreview";

export function StartCall({ chat, video }: { chat: string; video: boolean }) {
  const words = useWords();
  const { chats } = useView();
  const command = useCommand();
  const { enterWithCamera } = useChoices();
  const title = chats.find((row) => row.id === chat)?.title ?? "";
  const back = () => go({ at: "chat", chat, before: null });
  const start = () => command({ kind: "startCall", chat, video: video && enterWithCamera });
  return (
    <main className="call" id="content" tabIndex={-1} aria-label={words.lobbyStart}>
      <header className="call-head">
        <button type="button" className="button button-icon" aria-label={words.back} onClick={back}>
          <Icon name="back" />
        </button>
        <div className="detail-head-text">
          <h1 className="cut" dir="auto">
            {title}
          </h1>
          <p className="small cut">{video ? words.videoCall : words.voiceCall}</p>
        </div>
        <RoadSign />
      </header>
      <CallInBites />
      <div className="lobby">
        <p className="lobby-title">{words.lobbyStart}</p>
        <LobbyPreview video={video}>
          <div className="row-of-buttons">
            <button type="button" className="button button-main button-large" onClick={start}>
              <Icon name={video && enterWithCamera ? "video" : "calls"} />
              {video && !enterWithCamera ? words.startWithVoice : words.startCall}
            </button>
          </div>
        </LobbyPreview>
      </div>
    </main>
  );
}
