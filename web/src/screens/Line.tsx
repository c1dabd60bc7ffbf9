// One line: a message with its progress, a call, or a note of what happened.

import { useState } from "react";
import { createPortal } from "react-dom";
import { useCommand } from "../app";
import type { ChatLine, ChatView, Line, Progress, Quote } from "../contract";
import { Confirm } from "../parts/Dialog";
import { Icon, type IconName } from "../parts/Icon";
import { go } from "../route";
import { useWords } from "../words";
import { callName, noteOf } from "../words/line";
import { JoinButton } from "./ChatList";

type LineProps = { chat: ChatView; line: ChatLine; continues: boolean; onReply: (quote: Quote) => void };

export function LineRow(props: LineProps) {
  const { line } = props.line;
  if (line.kind === "text") return <Message {...props} text={line.text} />;
  if (line.kind === "call") return <CallLine chat={props.chat} line={props.line} call={line} />;
  return <Note line={props.line} note={line} />;
}

function Message({ chat, line, text, continues, onReply }: LineProps & { text: string }) {
  const words = useWords();
  const own = line.from === null;
  const named = !own && !continues && chat.standing.kind !== "oneToOne";
  const { id } = line;
  return (
    <li className="message" data-own={own} data-continues={continues} data-progress={line.progress ?? undefined}>
      <div className="bubble">
        <p className={named ? "bubble-name small" : "hidden"} dir="auto">
          {own ? words.you : line.fromName}
        </p>
        {line.replyTo && <QuoteBlock quote={line.replyTo} />}
        <p className="bubble-text" dir="auto">
          <TextWithLinks chat={chat.id} message={id} text={text} />
        </p>
        <p className="bubble-foot">
          <time dateTime={new Date(line.time).toISOString()}>{words.format.time(line.time)}</time>
          {line.progress && !isUnsent(line.progress) && <ProgressSign progress={line.progress} />}
        </p>
        {id !== null && isUnsent(line.progress) && <NotSent chat={chat.id} message={id} why={line.progress} />}
      </div>
      {id !== null && (
        <button
          type="button"
          className="button button-icon message-reply"
          aria-label={words.reply}
          onClick={() => onReply({ id, fromName: own ? words.you : line.fromName, text })}
        >
          <Icon name="reply" />
        </button>
      )}
    </li>
  );
}

function QuoteBlock({ quote }: { quote: Quote }) {
  const words = useWords();
  return (
    <blockquote className="quote small">
      <span className="hidden">{words.repliesTo(quote.fromName)}: </span>
      <strong aria-hidden="true" dir="auto">
        {quote.fromName}
      </strong>
      <span className="quote-text" dir="auto">
        {quote.text}
      </span>
    </blockquote>
  );
}

type Unsent = "noRoom" | "refused" | "failed";

function isUnsent(progress: Progress | null): progress is Unsent {
  return progress === "noRoom" || progress === "refused" || progress === "failed";
}

/** The app tries on by itself; a person who knows that something has changed need not wait. */
function NotSent({ chat, message, why }: { chat: string; message: string; why: Unsent }) {
  const words = useWords();
  const command = useCommand();
  return (
    <div className="not-sent small" role="alert">
      <p>
        <Icon name="warning" />
        {words.unsent[why]}
      </p>
      <button type="button" className="button" onClick={() => command({ kind: "tryAgain", chat })}>
        {words.tryAgain}
      </button>
      <button type="button" className="button" onClick={() => command({ kind: "takeBack", chat, message })}>
        <Icon name="remove" />
        {words.deleteUnsent}
      </button>
    </div>
  );
}

const PROGRESS: Record<Exclude<Progress, Unsent>, IconName> = {
  waiting: "clock",
  sent: "check",
  delivered: "ticks",
  read: "ticks",
};

function ProgressSign({ progress }: { progress: Exclude<Progress, Unsent> }) {
  const words = useWords();
  return (
    <span className="progress" data-progress={progress} title={words[progress]}>
      <Icon name={PROGRESS[progress]} />
      <span className="hidden">{words[progress]}</span>
    </span>
  );
}

const OUR_LINK = /(umweg:\/\/(?:proxy|contact)\/[\w-]+)/;

type Place = { chat: string; message: string | null };

/** A proxy or a person passed on in a message can be added from it. */
function TextWithLinks({ text, ...place }: Place & { text: string }) {
  const parts = text.split(OUR_LINK);
  if (parts.length === 1) return text;
  return parts.map((part, at) =>
    // The parts have no other name than their place, and never change it.
    // biome-ignore lint/suspicious/noArrayIndexKey: see above
    OUR_LINK.test(part) ? <LinkInText key={at} {...place} link={part} /> : <span key={at}>{part}</span>,
  );
}

function LinkInText({ chat, message, link }: Place & { link: string }) {
  const words = useWords();
  const command = useCommand();
  const [asking, setAsking] = useState(false);
  const proxy = link.startsWith("umweg://proxy/");
  const take = async () => {
    if (message === null) return;
    const trouble = await command({ kind: "takeProxy", link, chat, message });
    if (!trouble) go({ at: "proxies" });
  };
  const request = async () => {
    const trouble = await command({ kind: "requestContact", link, text: "" });
    if (!trouble) go({ at: "people" });
  };
  return (
    <span className="link-in-text">
      <code className="link-text cut" dir="ltr">
        {link}
      </code>
      <button type="button" className="button" onClick={proxy ? () => setAsking(true) : request}>
        <Icon name={proxy ? "detour" : "person"} />
        {proxy ? words.addProxy : words.addSomeone}
      </button>
      {asking &&
        createPortal(
          <Confirm
            title={words.takeProxyTitle}
            why={words.takeProxyWhy}
            action={words.addProxy}
            tone="main"
            onConfirm={take}
            onClose={() => setAsking(false)}
          />,
          document.body,
        )}
    </span>
  );
}

type CallInLine = Extract<Line, { kind: "call" }>;

function CallLine({ chat, line, call }: { chat: ChatView; line: ChatLine; call: CallInLine }) {
  const words = useWords();
  const missed = call.state.kind === "ended" && call.state.missed;
  return (
    <li className="message" data-own={line.from === null} data-call-state={call.state.kind}>
      <div className={missed ? "bubble call-bubble is-missed" : "bubble call-bubble"}>
        <span className="call-sign">
          <Icon name={call.video ? "video" : "calls"} />
        </span>
        <button type="button" className="call-text" onClick={() => go({ at: "call", call: call.call })}>
          <strong>{callName(call, words)}</strong>
          <span className="small quiet">
            {line.from !== null && chat.standing.kind !== "oneToOne" && `${line.fromName} · `}
            {words.format.time(line.time)} · {stateOf(call, words)}
            {call.seconds !== null && call.seconds > 0 && ` · ${words.format.duration(call.seconds * 1_000)}`}
          </span>
        </button>
        {call.state.kind === "running" && <JoinButton call={call.call} title={chat.title} />}
      </div>
    </li>
  );
}

function stateOf({ state }: CallInLine, words: ReturnType<typeof useWords>): string {
  switch (state.kind) {
    case "ringing":
      return words.callRinging;
    case "running":
      return words.callRunning;
    case "joining":
      return words.callJoining;
    case "in":
      return words.callIn;
    case "ended":
      return words.callEnded(words.format.time(state.ended));
  }
}

function Note({ line, note }: { line: ChatLine; note: Exclude<Line, { kind: "text" | "call" }> }) {
  const words = useWords();
  const alarming = note.kind === "gap" || note.kind === "historyForked";
  return (
    <li className={alarming ? "note small is-alarming" : "note small"}>
      {alarming && <Icon name="warning" />}
      <span>{noteOf(note, line.from === null ? null : line.fromName, words)}</span>
    </li>
  );
}
