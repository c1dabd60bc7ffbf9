// Every canned scene in every language: it is drawn, axe finds nothing, and what it must say stands there.

import { render, screen, within } from "@testing-library/react";
import axe from "axe-core";
import { beforeEach, describe, expect, it } from "vitest";
import { Stand } from "../src/fixtures/Stand";
import { SCENES } from "../src/fixtures/scenes";
import { setChoices } from "../src/media/choices";
import { setPreferences } from "../src/preferences";
import { go } from "../src/route";
import { LANGUAGES, type Language, wordsOf } from "../src/words";

function show(name: string, language: Language = "en") {
  const scene = SCENES[name]?.(language);
  if (!scene) throw new Error(`no scene ${name}`);
  setPreferences({ language });
  go(scene.route, "replace");
  setChoices({ layout: "grid", voiceOnly: false, enterWithCamera: true, ...scene.chosen });
  return render(<Stand scene={scene} />);
}

beforeEach(() => setPreferences({ language: "en" }));

/** jsdom draws nothing, so colours are left to scripts/screenshots.mjs; a dialog there is no landmark. */
const RULES = { "color-contrast": { enabled: false }, region: { enabled: false } };

describe.each(LANGUAGES)("in %s", (language) => {
  it.each(Object.keys(SCENES))("%s is accessible", async (name) => {
    show(name, language);
    const { violations } = await axe.run(document, { rules: RULES });
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
    expect(document.documentElement.lang).toBe(language);
    expect(document.documentElement.dir).toBe(language === "fa" ? "rtl" : "ltr");
  });
});

describe("the road sign", () => {
  it.each([
    ["chats-empty", "Direct"],
    ["chats", "By proxy Lena’s lamp post"],
    ["welcome", "Connecting"],
    ["chats-offline", "Offline"],
    ["call", "By proxy Lena’s lamp post"],
    ["group", "By proxy Lena’s lamp post"],
  ])("of %s says: %s", (name, sign) => {
    show(name);
    expect(screen.getAllByText(sign).length).toBeGreaterThan(0);
  });
});

describe("a running call", () => {
  it("is shown with Join in the chat list, in the chat and in the calls list", () => {
    show("group");
    expect(screen.getAllByRole("button", { name: "Join the call in Harbour project" })).toHaveLength(3);
  });

  it("shows before joining who is in it and who is not, and why", () => {
    show("call-lobby");
    const inside = within(screen.getByRole("region", { name: "In the call" }));
    expect(inside.getByText("Jonas Berg")).toBeDefined();
    expect(inside.getByText("Ada Whitfield")).toBeDefined();
    const outside = within(screen.getByRole("region", { name: "Not in the call" }));
    for (const text of ["Sana", "Invited", "Farid", "Declined", "Kian", "Left"])
      expect(outside.getByText(text)).toBeDefined();
    expect(screen.getByRole("button", { name: "Join" })).toBeDefined();
    expect(screen.getByRole("button", { name: "Join with voice" })).toBeDefined();
  });

  it("says who can listen and is not shown, also to who has no room for the panel", () => {
    show("call-warnings");
    const notices = screen.getAllByRole("status").map((each) => each.textContent ?? "");
    expect(notices.some((text) => /Ada Whitfield.*: Holds the keys and can listen/.test(text))).toBe(true);
  });

  it("tells what is wrong with the devices", () => {
    show("call-trouble");
    expect(screen.getByText(/may not use the microphone/)).toBeDefined();
    expect(screen.getByText(/Another program uses the camera/)).toBeDefined();
    expect(screen.getByRole("button", { name: "Play sound" })).toBeDefined();
  });
});

describe("messages", () => {
  it("say how far they have come, also to who does not see the signs", () => {
    show("group");
    for (const progress of ["Waiting for a road", "Sent", "Delivered", "Read"]) {
      expect(screen.getAllByText(progress).length).toBeGreaterThan(0);
    }
  });

  it("say where something is missing", () => {
    show("one-to-one");
    expect(screen.getByText(/this device had lost its keys/)).toBeDefined();
  });

  it("cannot be written where nobody would get them", () => {
    for (const name of ["chat-former", "chat-forked"]) {
      const { unmount } = show(name);
      expect(screen.queryByRole("textbox", { name: "Message" })).toBeNull();
      unmount();
    }
  });
});

it("numbers and times are in the language's own digits", () => {
  show("chats", "fa");
  expect(screen.getByText(wordsOf("fa").unread(12))).toBeDefined();
  expect(wordsOf("fa").unread(12)).toContain("۱۲");
});
