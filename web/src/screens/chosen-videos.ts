// Tells the app which pictures are on the screen, and how large: more is not worth sending.

import { useEffect } from "react";
import { useApp } from "../app";
import type { CallView } from "../contract";
import { pictureHeight } from "./grid";

export function useChosenVideos(call: CallView, stageHeight: number, rows: number): void {
  const { link } = useApp();
  const participants = call.present.filter((person) => !person.me && person.video && person.participant !== null);
  const wanted = participants.map((person) => person.participant).join(",");
  const heightMax = stageHeight === 0 ? 0 : pictureHeight(stageHeight, rows, window.devicePixelRatio);
  const { id, state } = call;
  useEffect(() => {
    if (state.kind !== "in" || heightMax === 0 || wanted === "") return;
    const numbers = wanted.split(",").map(Number);
    void link.command({ kind: "chooseVideos", call: id, participants: numbers, heightMax });
  }, [link, id, state.kind, wanted, heightMax]);
}
