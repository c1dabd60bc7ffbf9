// One conversation: its lines, who types, what one writes, and a running call.

import { useState } from "react";
import { useCommand, useView } from "../app";
import type { ChatView, Quote } from "../contract";
import { choices } from "../media/choices";
import { Avatar } from "../parts/Avatar";
import { DetailHead } from "../parts/Detail";
import { Icon } from "../parts/Icon";
import { useOwnCall } from "../parts/OwnCall";
import { go } from "../route";
import { useWords } from "../words";
import { JoinButton } from "./ChatList";
import { Composer } from "./Composer";
import { Details } from "./Details";
import { Lines } from "./Lines";
import { useMarkRead } from "./mark-read";

export function Conversation({ chat }: { chat: ChatView }) {
  const words = useWords();
  const [details, setDetails] = useState(false);
  const [replyTo, setReplyTo] = useState<Quote | null>(null);
  useMarkRead(chat);
  return (
    <section className="conversation" aria-label={words.conversation(chat.title)}>
      <Head chat={chat} onDetails={() => setDetails(true)} />
      <RunningCall chat={chat} />
      <Lines chat={chat} onReply={setReplyTo} />
      <p className="typing small" aria-live="off">
        {chat.typing.length > 0 ? words.typing(chat.typing) : "\u00a0"}
      </p>
      <Foot chat={chat} replyTo={replyTo} onReplied={() => setReplyTo(null)} />
      {details && <Details chat={chat} onClose={() => setDetails(false)} />}
    </section>
  );
}

function Head({ chat, onDetails }: { chat: ChatView; onDetails: () => void }) {
  const words = useWords();
  const { call } = useView();
  const group = chat.standing.kind !== "oneToOne";
  const verified = !group && chat.members.some((member) => !member.me && member.verified);
  const canCall = chat.standing.kind === "oneToOne" || chat.standing.kind === "group";
  const inCall = call?.chat === chat.id && call.state.kind === "in";
  return (
    <DetailHead
      title={chat.title}
      before={<Avatar id={chat.id} name={chat.title} group={group} />}
      actions={
        <>
          {canCall && !inCall && <CallButtons chat={chat.id} />}
          <button type="button" className="button button-icon" aria-label={words.details} onClick={onDetails}>
            <Icon name={group ? "people" : "info"} />
          </button>
        </>
      }
    >
      <p className="small quiet row-hint">
        {verified && <Icon name="shield" />}
        {group ? words.members(chat.members.length) : verified ? words.verified : ""}
      </p>
    </DetailHead>
  );
}

function CallButtons({ chat }: { chat: string }) {
  const words = useWords();
  const { chats } = useView();
  const command = useCommand();
  // A running call is joined by its banner; a second one would split the people.
  if (chats.find((row) => row.id === chat)?.call) return null;
  const start = (video: boolean) =>
    choices().lobbyFirst ? go({ at: "startCall", chat, video }) : void command({ kind: "startCall", chat, video });

  return (
    <>
      <button
        type="button"
        className="button button-icon"
        aria-label={words.startVoiceCall}
        onClick={() => start(false)}
      >
        <Icon name="calls" />
      </button>
      <button
        type="button"
        className="button button-icon"
        aria-label={words.startVideoCall}
        onClick={() => start(true)}
      >
        <Icon name="video" />
      </button>
    </>
  );
}

function RunningCall({ chat }: { chat: ChatView }) {
  const words = useWords();
  const { chats } = useView();
  const own = useOwnCall();
  const running = chats.find((row) => row.id === chat.id)?.call;
  // Who is in it is told so above every screen.
  if (!running || own?.id === running) return null;
  return (
    <div className="banner" data-running-call={running}>
      <Icon name="calls" />
      <button type="button" className="banner-text" onClick={() => go({ at: "call", call: running })}>
        {words.callRunning}
      </button>
      <JoinButton call={running} title={chat.title} />
    </div>
  );
}

function Foot({ chat, replyTo, onReplied }: { chat: ChatView; replyTo: Quote | null; onReplied: () => void }) {
  const words = useWords();
  switch (chat.standing.kind) {
    case "former":
      return <p className="foot-note">{words.former}</p>;
    case "resyncing":
      return <p className="foot-note">{words.resyncing}</p>;
    case "historyForked":
      return <p className="foot-note is-danger">{words.forked}</p>;
    default:
      return <Composer key={chat.id} chat={chat.id} replyTo={replyTo} onReplied={onReplied} />;
  }
}
