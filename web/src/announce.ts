// What a screen reader says by itself: what a person who looks would notice. Made from two views, the one before and the one now.

import type { CallView, ChatView, PresentRow, View } from "./contract";
import type { Words } from "./words";

export function announcements(before: View, now: View, words: Words): string[] {
  return [
    ...newLines(before.chat, now.chat, words),
    ...newUnread(before, now, words),
    ...newRequests(before, now, words),
    ...comingsAndGoings(before.call, now.call, words),
  ];
}

function newLines(before: ChatView | null, now: ChatView | null, words: Words): string[] {
  if (!before || !now || before.id !== now.id) return [];
  const newest = Math.max(0, ...before.lines.map((line) => line.seq));
  return now.lines.flatMap(({ seq, from, fromName, line }) =>
    seq > newest && from !== null && line.kind === "text" ? [words.heardMessage(fromName, line.text)] : [],
  );
}

function newUnread(before: View, now: View, words: Words): string[] {
  const known = new Map(before.chats.map((chat) => [chat.id, chat.unread]));
  return now.chats.flatMap((chat) =>
    chat.id !== now.chat?.id && chat.unread > (known.get(chat.id) ?? 0) ? [words.heardChat(chat.title)] : [],
  );
}

function newRequests(before: View, now: View, words: Words): string[] {
  const known = new Set(before.requests.map((request) => request.account));
  return now.requests.flatMap((request) => (known.has(request.account) ? [] : [words.heardRequest(request.name)]));
}

function comingsAndGoings(before: CallView | null, now: CallView | null, words: Words): string[] {
  if (!before || !now || before.id !== now.id || now.state.kind !== "in") return [];
  const others = (call: CallView) => call.present.filter((person) => !person.me);
  const absentFrom = (call: CallView) => (person: { account: string }) =>
    !call.present.some((each) => each.account === person.account);
  return [
    ...others(now)
      .filter(absentFrom(before))
      .map((person) => words.heardJoined(person.name)),
    ...others(before)
      .filter(absentFrom(now))
      .map((person) => words.heardLeft(person.name)),
    ...others(now).flatMap((person) => signs(before.present.find(isSame(person)), person, words)),
  ];
}

function isSame(person: PresentRow): (other: PresentRow) => boolean {
  return (other) => other.account === person.account && other.leaf === person.leaf;
}

/** What who comes has brought along is not new. */
function signs(before: PresentRow | undefined, now: PresentRow, words: Words): string[] {
  const said: string[] = [];
  if (!before) return said;
  if (now.hand !== null && before.hand === null) said.push(words.heardHand(now.name));
  if (now.reaction !== null && now.reaction !== before.reaction) said.push(words.heardReaction(now.name, now.reaction));
  return said;
}
