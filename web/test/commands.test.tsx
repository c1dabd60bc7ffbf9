// What people do becomes the command that they mean, and what the app refuses becomes words.

import { cleanup, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Command, Progress } from "../src/contract";
import { Stand } from "../src/fixtures/Stand";
import { SCENES, type Scene } from "../src/fixtures/scenes";
import type { Trouble } from "../src/link/link";
import { choices, setChoices } from "../src/media/choices";
import { setPreferences } from "../src/preferences";
import { go, route } from "../src/route";

const person = userEvent.setup();

function show(name: string, refuse: (command: Command) => Trouble | null = () => null): Command[] {
  const scene = SCENES[name]?.("en");
  if (!scene) throw new Error(`no scene ${name}`);
  return showScene(scene, refuse);
}

function showScene(scene: Scene, refuse: (command: Command) => Trouble | null = () => null): Command[] {
  go(scene.route, "replace");
  setChoices({ layout: "grid", voiceOnly: false, enterWithCamera: true, ...scene.chosen });
  const commands: Command[] = [];
  const onCommand = (command: Command) => {
    commands.push(command);
    return refuse(command);
  };
  render(<Stand scene={scene} onCommand={onCommand} />);
  return commands;
}

const of = <K extends Command["kind"]>(commands: Command[], kind: K) =>
  commands.filter((command) => command.kind === kind);
const click = (name: string | RegExp) => person.click(screen.getByRole("button", { name }));

beforeEach(() => setPreferences({ language: "en" }));

describe("writing", () => {
  const field = () => screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Message" });

  it("Enter sends, Shift+Enter makes a line", async () => {
    const commands = show("chat-empty");
    await person.type(field(), "one{Shift>}{Enter}{/Shift}two{Enter}");
    expect(of(commands, "sendText")).toEqual([{ kind: "sendText", chat: "ada-log", text: "one\ntwo", replyTo: null }]);
    expect(of(commands, "typing")).toHaveLength(1);
    expect(field().value).toBe("");
  });

  it("what was refused stays in the field, and the reason is told", async () => {
    show("chat-empty", (command) => (command.kind === "sendText" ? { kind: "diskFull" } : null));
    await person.type(field(), "do not lose me{Enter}");
    expect(await screen.findByText("The disk is full. Make room; nothing was lost.")).toBeDefined();
    await waitFor(() => expect(field().value).toBe("do not lose me"));
    await person.clear(field());
  });

  it("a reply names its message", async () => {
    const commands = show("group");
    await person.click(screen.getAllByRole("button", { name: "Reply" })[0] as HTMLElement);
    await person.type(field(), "yes{Enter}");
    expect(of(commands, "sendText")[0]).toMatchObject({ text: "yes", replyTo: "message 4" });
  });
});

describe("a message that the service does not take", () => {
  const unsent = (progress: Progress) => {
    const scene = SCENES["chat-empty"]?.("en");
    const view = scene?.state.view;
    if (!scene || !view?.chat) throw new Error("the scene has no conversation");
    const line = { kind: "text", text: "too much" } as const;
    const lines = [{ id: "m", seq: 0, from: null, fromName: "Mira", time: 0, line, progress, replyTo: null }];
    return { ...scene, state: { ...scene.state, view: { ...view, chat: { ...view.chat, lines } } } };
  };

  it.each([
    ["noRoom", "Not sent: the service has no room for it. Its operator can make room."],
    ["refused", "Not sent: the service does not take it."],
    ["failed", "Not sent: the service or this app has a fault. A newer version may help."],
  ] as const)("says that it was not sent, and why: %s", async (progress, why) => {
    const commands = showScene(unsent(progress));
    expect(screen.getByRole("alert").textContent).toContain(why);
    await click("Try again");
    await click("Delete");
    expect(commands.filter(({ kind }) => kind === "tryAgain" || kind === "takeBack")).toEqual([
      { kind: "tryAgain", chat: "ada-log" },
      { kind: "takeBack", chat: "ada-log", message: "m" },
    ]);
  });

  it("is not told of one that waits for a road", () => {
    showScene(unsent("waiting"));
    expect(screen.queryByRole("button", { name: "Try again" })).toBeNull();
  });
});

describe("small bites", () => {
  it("are chosen beside the proxies", async () => {
    const commands = show("proxies");
    const group = screen.getByRole("group", { name: "Small pieces" });
    expect(within(group).getByRole<HTMLInputElement>("radio", { name: "Where connections freeze" }).checked).toBe(true);
    await person.click(within(group).getByRole("radio", { name: "Never" }));
    expect(of(commands, "useBites")).toEqual([{ kind: "useBites", when: "never" }]);
  });

  it("are offered where connections freeze and they are switched off", async () => {
    const commands = show("chats-freezing");
    await click("Use small pieces");
    expect(of(commands, "useBites")).toEqual([{ kind: "useBites", when: "whenFrozen" }]);
  });

  it("are said where the connection is shown, and can be kept", async () => {
    const commands = show("proxies-freezing");
    expect(screen.getAllByText("Direct, in small pieces").length).toBeGreaterThan(0);
    await person.click(screen.getAllByRole("button", { name: "Always use small pieces" })[0] as HTMLElement);
    expect(of(commands, "useBites")).toEqual([{ kind: "useBites", when: "always" }]);
  });

  it("carry no call, which is said before one goes in", () => {
    show("call-in-bites");
    expect(screen.getByText(/Messages get through, calls do not/)).toBeDefined();
  });
});

it("what is seen is marked as read, once", async () => {
  vi.spyOn(document, "hasFocus").mockReturnValue(true);
  const commands = show("group");
  await waitFor(() => expect(of(commands, "markRead")).toEqual([{ kind: "markRead", chat: "group-log", seq: 10 }]));
  vi.restoreAllMocks();
});

it("nothing is marked as read in a window that nobody looks at", () => {
  vi.spyOn(document, "hasFocus").mockReturnValue(false);
  expect(of(show("group"), "markRead")).toEqual([]);
  vi.restoreAllMocks();
});

it("an account is made by a name", async () => {
  const commands = show("welcome");
  await person.type(screen.getByRole("textbox", { name: "Your name" }), "  Mira ");
  await click("Create account");
  expect(commands).toEqual([{ kind: "createAccount", name: "Mira" }]);
});

describe("people", () => {
  it("are asked by their link, and a wrong link says what it is", async () => {
    const refuse = (command: Command): Trouble | null =>
      command.kind === "requestContact"
        ? { kind: "wrongLink", wrong: { kind: "otherKind", got: "proxy", wanted: "contact" } }
        : null;
    const commands = show("invite", refuse);
    await person.type(screen.getByRole("textbox", { name: "Link of the person" }), "umweg://proxy/x");
    await click("Send request");
    expect(commands).toEqual([{ kind: "requestContact", link: "umweg://proxy/x", text: "" }]);
    expect(await screen.findByText("This is a proxy’s link. What is needed here is a person’s link.")).toBeDefined();
  });

  it("are accepted and declined", async () => {
    const commands = show("people");
    await click("Accept");
    await click("Decline");
    expect(commands).toEqual([
      { kind: "acceptRequest", account: "stranger" },
      { kind: "declineRequest", account: "stranger" },
    ]);
  });

  it("become a group", async () => {
    const commands = show("new-group");
    await person.type(screen.getByRole("textbox", { name: "Group name" }), "Harbour");
    await person.click(screen.getByRole("checkbox", { name: "Ada Whitfield" }));
    await person.click(screen.getByRole("checkbox", { name: "Nour" }));
    await click("Create group");
    expect(commands).toEqual([
      { kind: "createGroup", name: "Harbour", members: ["ada", "nour-log"].map((id) => id.replace("-log", "")) },
    ]);
  });
});

describe("a ringing call", () => {
  it.each([
    ["Join", { kind: "joinCall", call: "call-one", video: true }],
    ["Join with voice", { kind: "joinCall", call: "call-one", video: false }],
    ["Decline", { kind: "declineCall", call: "call-one" }],
    ["Ignore", { kind: "ignoreCall", call: "call-one" }],
  ])("is answered by %s", async (name, command) => {
    const commands = show("ringing");
    await person.click(within(screen.getByRole("dialog")).getByRole("button", { name }));
    expect(commands).toEqual([command]);
  });

  it("is ignored by Escape", async () => {
    const commands = show("ringing");
    screen.getByRole("dialog").dispatchEvent(new Event("cancel", { cancelable: true }));
    await waitFor(() => expect(commands).toEqual([{ kind: "ignoreCall", call: "call-one" }]));
  });
});

describe("a call", () => {
  it("is started from a conversation, by voice or with video", async () => {
    const commands = show("chat-empty");
    await click("Start a voice call");
    await click("Start a video call");
    expect(of(commands, "startCall")).toEqual([
      { kind: "startCall", chat: "ada-log", video: false },
      { kind: "startCall", chat: "ada-log", video: true },
    ]);
  });

  it("with video is joined by way of its panel", async () => {
    const commands = show("chats");
    await click("Join the call in Harbour project");
    expect(of(commands, "joinCall")).toEqual([]);
    expect(route()).toEqual({ at: "call", call: "call-one" });
  });

  it("is left, and people are added to it", async () => {
    const commands = show("call-two");
    await click("Add people");
    await person.click(screen.getByRole("checkbox", { name: "Nour" }));
    await click("Add");
    await click("Leave call");
    expect(commands).toEqual([
      { kind: "addToCall", call: "call-one", members: ["nour"] },
      { kind: "leaveCall", call: "call-one" },
    ]);
    expect(route()).toMatchObject({ at: "chat", chat: "group-log" });
  });
});

describe("in a call", () => {
  it("hands, signs and ringing again", async () => {
    const commands = show("call");
    await click("Raise hand");
    await click("React");
    await click("React with 🎉");
    await click("Ring again at Sana");
    const call = "call-one";
    expect(commands).toMatchObject([
      { kind: "raiseHand", call, raised: true },
      { kind: "react", call, reaction: "🎉" },
      { kind: "ringAgain", call, account: "sana" },
    ]);
    expect(await screen.findByText("It rings at Sana again")).toBeDefined();
  });

  it("who is pinned is shown large, until unpinned", async () => {
    show("call");
    const large = () => document.querySelector(".tile.is-large")?.getAttribute("data-tile") ?? null;
    await click("Pin Ada Whitfield");
    expect(large()).toBe("ada");
    await click("Pin Ada Whitfield");
    expect(large()).toBeNull();
  });

  it("keys do what the help says, and nothing while one writes", async () => {
    const commands = show("call");
    await person.keyboard("h");
    expect(of(commands, "raiseHand")).toHaveLength(1);
    await person.keyboard("?");
    const help = screen.getByRole("dialog", { name: "Keyboard shortcuts" });
    await person.click(within(help).getByRole("button", { name: "Close" }));
    await click("Add people");
    await person.keyboard("h");
    expect(of(commands, "raiseHand")).toHaveLength(1);
  });

  it("sound only is remembered, and taken back where it is said", async () => {
    show("call");
    await person.keyboard("o");
    expect(choices().voiceOnly).toBe(true);
    await click("Show pictures again");
    expect(choices().voiceOnly).toBe(false);
  });

  it("one returns to it from everywhere, also from another call", async () => {
    for (const name of ["call-behind", "call-other"]) {
      show(name);
      await person.click(screen.getAllByRole("button", { name: "Return to call" })[0] as HTMLElement);
      expect(route()).toEqual({ at: "call", call: "call-one" });
      cleanup();
    }
  });
});

describe("before a call", () => {
  it("what is switched off stays off when joining", async () => {
    const commands = show("call-lobby");
    await click("Turn camera off");
    await click("Join");
    expect(of(commands, "joinCall")).toEqual([{ kind: "joinCall", call: "call-one", video: false }]);
    expect(choices().enterWithCamera).toBe(false);
  });

  it("one may look at oneself before starting, too", async () => {
    setChoices({ lobbyFirst: true });
    const commands = show("chat-empty");
    await click("Start a video call");
    expect(commands.filter((command) => command.kind === "startCall")).toEqual([]);
    expect(route()).toEqual({ at: "startCall", chat: "ada-log", video: true });
    await click("Start call");
    expect(of(commands, "startCall")).toEqual([{ kind: "startCall", chat: "ada-log", video: true }]);
    setChoices({ lobbyFirst: false });
  });
});

describe("proxies", () => {
  it("are added, tested, and used when wished", async () => {
    const commands = show("proxies");
    await person.type(screen.getByRole("textbox", { name: "Link of the proxy" }), " umweg://proxy/new ");
    await click("Add");
    await click("Test Attic");
    const uses = within(screen.getByRole("group", { name: "When to use proxies" }));
    await person.click(uses.getByRole("radio", { name: "Always" }));
    expect(commands).toMatchObject([
      { kind: "addProxy", link: "umweg://proxy/new" },
      { kind: "testProxy" },
      { kind: "useProxies", when: "always" },
    ]);
  });

  it("come back after a removal by mistake", async () => {
    const commands = show("proxies");
    await click("Remove Attic");
    await person.click(await screen.findByRole("button", { name: "Undo" }));
    const [removed, added] = commands;
    expect(removed).toMatchObject({ kind: "removeProxy" });
    expect(added).toEqual({ kind: "addProxy", link: (removed as { link: string }).link });
  });

  it("are passed on as a message", async () => {
    const commands = show("proxies");
    await click("Share Attic");
    await click("Send");
    expect(commands).toMatchObject([
      { kind: "shareProxy", chat: "group-log", link: expect.stringMatching(/^umweg:\/\/proxy\//) },
    ]);
  });

  it("that came in a message are taken from it after a question", async () => {
    const commands = show("one-to-one");
    await click("Add a proxy");
    expect(commands).toEqual([]);
    await person.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Add a proxy" }));
    expect(of(commands, "takeProxy")).toMatchObject([{ link: expect.stringMatching(/^umweg:\/\/proxy\//) }]);
  });

  it("say whose they are and how old their address is, and follow to a fresh one", async () => {
    const commands = show("proxies");
    expect(screen.getByText(/^from .*Ada Whitfield.* · renewed /)).toBeTruthy();
    await click(/^Fresh address of .*Lena/);
    await person.click(screen.getByRole("switch", { name: /^Take fresh addresses from .*Ada Whitfield/ }));
    await person.click(screen.getByRole("switch", { name: "Pass fresh addresses on" }));
    await person.type(screen.getByRole("textbox", { name: "Its new link" }), "umweg://proxy/new");
    await click("Replace");
    expect(commands).toMatchObject([
      { kind: "takeRenewals", on: false },
      { kind: "giveRenewals", on: true },
      { kind: "renewProxy", fresh: "umweg://proxy/new" },
    ]);
  });
});

it("arrow keys move along the conversations", async () => {
  show("chats");
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  rows[0]?.focus();
  await person.keyboard("{ArrowDown}{ArrowDown}");
  expect(document.activeElement).toBe(rows[2]);
  await person.keyboard("{End}");
  expect(document.activeElement).toBe(rows.at(-1));
  await person.keyboard("{Home}");
  expect(document.activeElement).toBe(rows[0]);
});
