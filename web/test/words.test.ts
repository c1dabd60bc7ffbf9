// @vitest-environment node
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { announcements } from "../src/announce";
import { adaChat, busyView, callView, emptyView, NOW } from "../src/fixtures/views";
import { LANGUAGES, preferredLanguage, wordsOf } from "../src/words";

describe("words", () => {
  it("have plurals by the language's own rules", () => {
    expect(wordsOf("en").members(1)).toBe("1 member");
    expect(wordsOf("en").members(2)).toBe("2 members");
    expect(wordsOf("de").members(1)).toBe("1 Mitglied");
    expect(wordsOf("de").members(1_200)).toBe("1.200 Mitglieder");
    expect(wordsOf("fa").members(3)).toBe("۳ عضو");
  });

  it("keep the direction of names that run against the sentence, and touch no others", () => {
    expect(wordsOf("en").replyTo("Ada")).toBe("Reply to Ada");
    expect(wordsOf("en").replyTo("مریم")).toBe("Reply to \u2068مریم\u2069");
    expect(wordsOf("fa").replyTo("Ada")).toBe("پاسخ به \u2068Ada\u2069");
    expect(wordsOf("fa").replyTo("مریم")).toBe("پاسخ به مریم");
  });

  it("name days as people do", () => {
    const day = 86_400_000;
    const { format } = wordsOf("en");
    expect([0, 1, 2, 30].map((ago) => format.day(NOW - ago * day, NOW))).toEqual([
      "Today",
      "Yesterday",
      "Tuesday",
      "October 20, 2026",
    ]);
    expect([0, 1, 3].map((ago) => format.ago(NOW - ago * day, NOW))).toEqual(["today", "yesterday", "3 days ago"]);
    expect(wordsOf("fa").format.day(NOW - 30 * day, NOW)).toMatch(/[۰-۹]/);
    expect(wordsOf("de").format.duration(3_845_000)).toBe("1:04:05");
    expect(wordsOf("fa").format.duration(65_000)).toBe("۱:۰۵");
  });

  it("are those of the first language that is known", () => {
    expect(preferredLanguage(["fr-FR", "de-AT", "en"])).toBe("de");
    expect(preferredLanguage(["fa-IR"])).toBe("fa");
    expect(preferredLanguage(["fr"])).toBe("en");
  });

  it("are all used", () => {
    const code = sources("src")
      .filter((file) => !/words\/(en|de|fa)\//.test(file))
      .map((file) => readFileSync(file, "utf8"))
      .join("\n");
    const computed = ["waiting", "sent", "delivered", "read", "chats", "calls", "people", "settings"];
    const unused = Object.keys(wordsOf("en")).filter(
      (key) => !["format", ...computed].includes(key) && !code.includes(`words.${key}`),
    );
    expect(unused).toEqual([]);
  });

  it("differ between the languages", () => {
    const [en, de, fa] = LANGUAGES.map((language) => wordsOf(language) as unknown as Record<string, unknown>);
    const texts = Object.entries(en ?? {}).filter(([, text]) => typeof text === "string");
    expect(texts.filter(([key, text]) => fa?.[key] === text).map(([key]) => key)).toEqual([]);
    const sameInGerman = ["chats", "roadOffline", "proxy"];
    expect(
      texts.filter(([key, text]) => de?.[key] === text && !sameInGerman.includes(key)).map(([key]) => key),
    ).toEqual([]);
  });
});

describe("what is read out", () => {
  const words = wordsOf("en");

  it("is a new message of somebody else, once", () => {
    const chat = adaChat("en");
    const before = { ...emptyView(), chat: { ...chat, lines: chat.lines.slice(0, 1) } };
    const now = { ...emptyView(), chat: { ...chat, lines: chat.lines.slice(0, 2) } };
    expect(announcements({ ...before, chat: { ...chat, lines: [] } }, before, words)).toEqual([
      "Ada Whitfield: Did the draft get through to you?",
    ]);
    expect(announcements(before, now, words)).toEqual([]); // the second line is this account's own
    expect(announcements(now, now, words)).toEqual([]);
  });

  it("is not a whole conversation that was opened", () => {
    expect(announcements(emptyView(), { ...emptyView(), chat: adaChat("en") }, words)).toEqual([]);
  });

  it("is what came elsewhere, and who asks", () => {
    const now = busyView("en");
    const before = { ...now, chats: now.chats.map((chat) => ({ ...chat, unread: 0 })), requests: [] };
    expect(announcements(before, now, words)).toEqual([
      "New message in Harbour project",
      "New message in Jonas Berg",
      "Farid asks to be your contact",
    ]);
  });

  it("is who comes into the call and who goes", () => {
    const two = { ...emptyView(), call: callView("en", { kind: "in", since: 0 }, 2) };
    const three = { ...emptyView(), call: callView("en", { kind: "in", since: 0 }, 3) };
    expect(announcements(two, three, words)).toEqual(["Ada Whitfield joined the call"]);
    expect(announcements(three, two, words)).toEqual(["Ada Whitfield left the call"]);
  });

  it("is a raised hand and a reaction, once", () => {
    const now = { ...emptyView(), call: callView("en", { kind: "in", since: 0 }, 3) };
    const present = now.call.present.map((person) => ({ ...person, hand: null, reaction: null }));
    const before = { ...now, call: { ...now.call, present } };
    expect(announcements(before, now, words)).toEqual(["Jonas Berg raises a hand", "Ada Whitfield reacts with 👍"]);
    expect(announcements(now, now, words)).toEqual([]);
  });
});

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));
}
