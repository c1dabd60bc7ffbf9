// The lines of a conversation, with a separator for each day; it stays at its lower end unless the person has scrolled up.

import { Fragment, useLayoutEffect, useRef } from "react";
import type { ChatLine, ChatView, Quote } from "../contract";
import { useNow } from "../parts/clock";
import { Empty } from "../parts/Empty";
import { Icon } from "../parts/Icon";
import { go, useRoute } from "../route";
import { useWords } from "../words";
import { startOfDay } from "../words/format";
import { LineRow } from "./Line";

/** So near to the end counts as being there. */
const END_PX = 80;
/** Messages of one person within this time belong together. */
const TOGETHER_MS = 5 * 60_000;

export function Lines({ chat, onReply }: { chat: ChatView; onReply: (quote: Quote) => void }) {
  const words = useWords();
  const route = useRoute();
  const now = useNow(60_000);
  const scroller = useStickToEnd(chat);
  const before = route.at === "chat" ? route.before : null;
  const older = chat.lines.find((line) => line.seq > 0)?.seq ?? null;
  const page = (at: number | null) => go({ at: "chat", chat: chat.id, before: at }, "replace");
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="lines" ref={scroller} tabIndex={0} aria-label={words.messages}>
      {chat.lines.length === 0 && <Empty icon="chats" title={words.noLines} why={words.noLinesWhy} />}
      {chat.older && older !== null && (
        <button type="button" className="button lines-page" onClick={() => page(older)}>
          {words.olderMessages}
        </button>
      )}
      <ol>
        {chat.lines.map((line, at) => {
          const previous = chat.lines[at - 1];
          const newDay = !previous || startOfDay(previous.time) !== startOfDay(line.time);
          return (
            <Fragment key={keyOf(line, at)}>
              {newDay && (
                <li className="day small">
                  <span>{words.format.day(line.time, now)}</span>
                </li>
              )}
              <LineRow chat={chat} line={line} continues={!newDay && continues(previous, line)} onReply={onReply} />
            </Fragment>
          );
        })}
      </ol>
      {before !== null && (
        <button type="button" className="button lines-page" onClick={() => page(null)}>
          <Icon name="down" />
          {words.newestMessages}
        </button>
      )}
    </section>
  );
}

function keyOf(line: ChatLine, at: number): string {
  return line.id ?? (line.seq > 0 ? `seq ${line.seq} ${line.line.kind}` : `at ${at}`);
}

function continues(previous: ChatLine | undefined, line: ChatLine): boolean {
  return (
    previous?.line.kind === "text" &&
    line.line.kind === "text" &&
    previous.from === line.from &&
    line.time - previous.time < TOGETHER_MS
  );
}

function useStickToEnd(chat: ChatView) {
  const scroller = useRef<HTMLElement>(null);
  const shown = useRef<{ chat: string; atEnd: boolean }>({ chat: "", atEnd: true });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const note = () => {
      shown.current.atEnd = element.scrollHeight - element.scrollTop - element.clientHeight < END_PX;
    };
    element.addEventListener("scroll", note, { passive: true });
    return () => element.removeEventListener("scroll", note);
  }, []);
  // After every drawing: a line, a picture of who types, or a smaller window can move the end.
  useLayoutEffect(() => {
    const element = scroller.current;
    if (!element) return;
    if (shown.current.chat !== chat.id) shown.current = { chat: chat.id, atEnd: true };
    if (shown.current.atEnd) element.scrollTop = element.scrollHeight;
  });
  return scroller;
}
