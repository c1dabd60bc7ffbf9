// A line of a conversation in words: the notes between messages, and the short form for lists.

import type { Line, Preview } from "../contract";
import type { Words } from ".";

/** Everything that is neither a message nor a call. `who` is null for this account. */
export function noteOf(line: Exclude<Line, { kind: "text" | "call" }>, who: string | null, words: Words): string {
  switch (line.kind) {
    case "created":
      return who === null ? words.createdByYou : words.created(who);
    case "added":
      return who === null ? words.addedByYou(line.names) : words.added(who, line.names);
    case "removed":
      return who === null ? words.removedByYou(line.names) : words.removed(who, line.names);
    case "left":
      return who === null ? words.leftYou : words.left(who);
    case "renamed":
      return who === null ? words.renamedByYou(line.name) : words.renamed(who, line.name);
    case "gap":
      return words.gap;
    case "historyForked":
      return words.forked;
  }
}

export function callName(line: Extract<Line, { kind: "call" }>, words: Words): string {
  const missed = line.state.kind === "ended" && line.state.missed;
  if (line.video) return missed ? words.missedVideoCall : words.videoCall;
  return missed ? words.missedVoiceCall : words.voiceCall;
}

export function previewOf({ from, line }: Preview, group: boolean, words: Words): string {
  switch (line.kind) {
    case "text":
      if (from === null) return words.previewFrom(words.you, line.text);
      return group ? words.previewFrom(from, line.text) : line.text;
    case "call":
      return callName(line, words);
    case "gap":
      return words.gapShort;
    case "historyForked":
      return words.forkedShort;
    default:
      return noteOf(line, from, words);
  }
}
