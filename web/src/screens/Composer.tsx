// Where one writes. Enter sends, Shift+Enter makes a new line; what was not sent stays for when one comes back.

import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import { useApp, useCommand } from "../app";
import type { Quote } from "../contract";
import { Icon } from "../parts/Icon";
import { useWords } from "../words";

const TYPING_EVERY_MS = 3_000;
const ROWS_MAX = 6;

/** Unsent texts by conversation, for as long as the page is open. */
const drafts = new Map<string, string>();

export function Composer({ chat, replyTo, onReplied }: { chat: string; replyTo: Quote | null; onReplied: () => void }) {
  const words = useWords();
  const command = useCommand();
  const sayTyping = useTyping(chat);
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(drafts.get(chat) ?? "");
  const keep = (value: string) => {
    drafts.set(chat, value);
    setText(value);
  };
  useEffect(() => {
    if (replyTo || hasKeyboard()) field.current?.focus();
  }, [replyTo]);

  const send = async () => {
    const sent = text.trim();
    if (sent === "") return;
    keep("");
    onReplied();
    const trouble = await command({ kind: "sendText", chat, text: sent, replyTo: replyTo?.id ?? null });
    if (trouble && (drafts.get(chat) ?? "") === "") keep(sent);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape" && replyTo) onReplied();
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    void send();
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      {replyTo && <ReplyingTo quote={replyTo} onCancel={onReplied} />}
      <div className="composer-line">
        <textarea
          ref={field}
          className="input composer-field"
          aria-label={words.writeMessage}
          placeholder={words.writeMessage}
          dir="auto"
          rows={Math.min(ROWS_MAX, text.split("\n").length)}
          value={text}
          onChange={(event) => {
            keep(event.target.value);
            if (event.target.value !== "") sayTyping();
          }}
          onKeyDown={onKeyDown}
        />
        <button
          type="submit"
          className="button button-main composer-send"
          aria-label={words.send}
          disabled={text.trim() === ""}
        >
          <Icon name="send" />
        </button>
      </div>
    </form>
  );
}

/** On a phone the field would bring up the keyboard over what one came to read. */
function hasKeyboard(): boolean {
  return window.matchMedia?.("(hover: hover) and (min-width: 820px)").matches ?? false;
}

function ReplyingTo({ quote, onCancel }: { quote: Quote; onCancel: () => void }) {
  const words = useWords();
  return (
    <div className="replying small">
      <Icon name="reply" />
      <span className="replying-text">
        <strong dir="auto">{words.replyTo(quote.fromName)}</strong>
        <span className="cut quiet" dir="auto">
          {quote.text}
        </span>
      </span>
      <button type="button" className="button button-icon" aria-label={words.cancelReply} onClick={onCancel}>
        <Icon name="close" />
      </button>
    </div>
  );
}

/** Tells the others that one types, now and then. A typing sign that is lost is no trouble. */
function useTyping(chat: string): () => void {
  const { link } = useApp();
  const said = useRef(0);
  return () => {
    if (Date.now() - said.current < TYPING_EVERY_MS) return;
    said.current = Date.now();
    void link.command({ kind: "typing", chat });
  };
}
