// Shared screens on the page: each is a tile of its own beside its owner's, by name in every language, and can be pinned.

import { act, cleanup, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it } from "vitest";
import type { Command } from "../src/contract";
import { Stand } from "../src/fixtures/Stand";
import { SCENES } from "../src/fixtures/scenes";
import { setChoices } from "../src/media/choices";
import { setPreferences } from "../src/preferences";
import { go } from "../src/route";
import type { Language } from "../src/words";

const person = userEvent.setup();

function show(name: string, language: Language = "en"): Command[] {
  const scene = SCENES[name]?.(language);
  if (!scene) throw new Error(`no scene ${name}`);
  setPreferences({ language });
  go(scene.route, "replace");
  setChoices({ layout: "grid", voiceOnly: false, ...scene.chosen });
  const commands: Command[] = [];
  const onCommand = (command: Command) => {
    commands.push(command);
    return null;
  };
  render(<Stand scene={scene} onCommand={onCommand} />);
  return commands;
}

const large = () => document.querySelector(".tile.is-large figcaption")?.textContent;
const click = (name: string | RegExp) => person.click(screen.getByRole("button", { name }));

beforeEach(() => setPreferences({ language: "en" }));

it.each([
  ["en", "Jonas Berg’s screen"],
  ["de", "Bildschirm von Jonas Berg"],
  ["fa", "صفحهٔ Jonas Berg"],
] as const)("in %s a screen is a tile of its own: %s", (language, name) => {
  show("call-screen", language);
  const tile = document.querySelector<HTMLElement>('[data-screen="jonas"]');
  // Names keep their direction among words of another one, by marks that are not seen.
  const said = (text: string | null | undefined) => text?.replace(/[\u2066-\u2069]/g, "");
  expect(said(tile?.querySelector("figcaption")?.textContent)).toBe(name);
  expect(said(tile?.querySelector("video")?.getAttribute("aria-label"))).toBe(name);
  expect(tile?.classList.contains("is-large")).toBe(true);
  const owner = document.querySelector('[data-tile="jonas"]');
  expect(owner?.getAttribute("data-picture")).toBe("true");
  expect(owner?.querySelector("video")).not.toBe(tile?.querySelector("video"));
});

it("a screen reader is told who shares, and finds it in the panel", () => {
  show("call-screen");
  const status = screen.getAllByRole("status").find((each) => /shares the screen/.test(each.textContent ?? ""));
  expect(status?.textContent).toMatch(/Jonas Berg/);
  const row = document.querySelector<HTMLElement>('[data-present="jonas"]');
  expect(row && within(row).getByText(/Jonas Berg.*’s screen/)).toBeTruthy();
});

it("a person can be pinned in its place, and it comes back", async () => {
  show("call-screen");
  await click(/^Pin.*Ada Whitfield/);
  expect(large()).toMatch(/Ada Whitfield/);
  // Who goes by keyboard is where they were.
  expect(document.activeElement?.closest(".tile.is-large")).not.toBeNull();
  expect(document.activeElement?.getAttribute("aria-pressed")).toBe("true");
  expect(document.querySelector('.tiles-others [data-screen="jonas"] video')).not.toBeNull();
  await click(/^Pin.*Ada Whitfield/);
  expect(large()).toMatch(/screen/);
  expect(document.activeElement?.closest(".tile")?.getAttribute("data-tile")).toBe("ada");
});

it("one's own screen stands beside the own camera, and is large only when pinned", async () => {
  show("call-sharing");
  expect(document.querySelector('[data-screen="me"] video')).not.toBeNull();
  expect(document.querySelector('[data-tile="me"]')).not.toBeNull();
  expect(large()).toBeUndefined();
  await click("Pin Your screen");
  expect(large()).toBe("Your screen");
  expect(screen.getByText("You share your screen with its sound.")).toBeDefined();
});

it("where no place is left the person is told so, until they have read it", async () => {
  const commands = show("call-sharing-refused");
  expect(screen.getByText(/as many are shared as fit/)).toBeDefined();
  // Whose picture has not come yet has a tile already.
  expect(document.querySelectorAll("[data-screen]")).toHaveLength(2);
  await click("Close");
  expect(commands.filter(({ kind }) => kind === "screen")).toEqual([{ kind: "screen", call: "call-one", on: false }]);
});

it("with sound only there is no screen but one's own", () => {
  const screens = (name: string) => {
    show(name);
    act(() => setChoices({ voiceOnly: true }));
    const found = [...document.querySelectorAll("[data-screen]")].map((each) => each.getAttribute("data-screen"));
    cleanup();
    return found;
  };
  expect([screens("call-screen"), screens("call-sharing")]).toEqual([[], ["me"]]);
});
