// All conversations, the newest first; a running call can be joined from here.

import { useCommand, useView } from "../app";
import type { ChatRow } from "../contract";
import { Avatar } from "../parts/Avatar";
import { moveAlongRows } from "../parts/arrow-keys";
import { useNow } from "../parts/clock";
import { ListHead } from "../parts/Detail";
import { Empty } from "../parts/Empty";
import { Icon } from "../parts/Icon";
import { useOwnCall } from "../parts/OwnCall";
import { go, useRoute } from "../route";
import { useWords } from "../words";
import { previewOf } from "../words/line";

const MINUTE_MS = 60_000;

export function ChatList() {
  const words = useWords();
  const { chats } = useView();
  const now = useNow(MINUTE_MS);
  return (
    <>
      <ListHead title={words.chats}>
        <button
          type="button"
          className="button button-icon"
          aria-label={words.addSomeone}
          onClick={() => go({ at: "invite" })}
        >
          <Icon name="people" />
        </button>
        <button
          type="button"
          className="button button-icon"
          aria-label={words.newGroup}
          onClick={() => go({ at: "newGroup" })}
        >
          <Icon name="plus" />
        </button>
      </ListHead>
      <div className="list-body">
        {chats.length === 0 ? (
          <Empty icon="chats" title={words.noChats} why={words.noChatsWhy}>
            <button type="button" className="button button-main" onClick={() => go({ at: "invite" })}>
              {words.addSomeone}
            </button>
          </Empty>
        ) : (
          <ul aria-label={words.chats} onKeyDown={moveAlongRows}>
            {chats.map((chat) => (
              <Row key={chat.id} chat={chat} now={now} />
            ))}
          </ul>
        )}
      </div>
    </>
  );
}

function Row({ chat, now }: { chat: ChatRow; now: number }) {
  const { format, ...words } = useWords();
  const route = useRoute();
  const current = route.at === "chat" && route.chat === chat.id;
  const open = () => go({ at: "chat", chat: chat.id, before: null });
  return (
    <li className="row" data-current={current} data-chat={chat.id}>
      <button type="button" className="row-open" data-row aria-current={current ? "true" : undefined} onClick={open}>
        <Avatar id={chat.id} name={chat.title} group={chat.group} />
        <span className="row-text">
          <span className="row-line">
            <span className="row-title cut" dir="auto">
              {chat.title}
            </span>
            <time className="small quiet" dateTime={new Date(chat.time).toISOString()}>
              {format.moment(chat.time, now)}
            </time>
          </span>
          <span className="row-line">
            <PreviewLine chat={chat} />
            {chat.unread > 0 && (
              <span className="badge" data-unread={chat.unread}>
                <span aria-hidden="true">{format.number(chat.unread)}</span>
                <span className="hidden">{words.unread(chat.unread)}</span>
              </span>
            )}
          </span>
        </span>
      </button>
      {chat.call && <JoinButton call={chat.call} title={chat.title} />}
    </li>
  );
}

function PreviewLine({ chat }: { chat: ChatRow }) {
  const words = useWords();
  if (chat.call) return <span className="small cut call-hint">{words.callRunning}</span>;
  if (chat.typing.length > 0) {
    return <span className="small cut call-hint">{chat.group ? words.typing(chat.typing) : words.typingHere}</span>;
  }
  return (
    <span className="small quiet cut" dir="auto">
      {chat.preview ? previewOf(chat.preview, chat.group, words) : "\u00a0"}
    </span>
  );
}

/** A voice call is joined at once; before a video call one sees who is in it and chooses whether the camera goes on. */
export function JoinButton({ call, title }: { call: string; title: string }) {
  const words = useWords();
  const command = useCommand();
  const { calls } = useView();
  const own = useOwnCall();
  const join = async () => {
    const video = calls.find((row) => row.id === call)?.video ?? true;
    const trouble = video ? null : await command({ kind: "joinCall", call, video: false });
    if (!trouble) go({ at: "call", call });
  };
  if (own?.id === call) {
    return (
      <button
        type="button"
        className="button button-icon"
        aria-label={words.returnToCall}
        onClick={() => go({ at: "call", call })}
      >
        <Icon name="calls" />
      </button>
    );
  }
  return (
    <button type="button" className="button button-main" aria-label={words.joinCallIn(title)} onClick={join}>
      {words.join}
    </button>
  );
}
