import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MediaEvent } from "../src/contract";
import { emptyView } from "../src/fixtures/views";
import { type Socket, SocketLink } from "../src/link/link";
import { REFUSED } from "../src/link/proof";
import { takeSecret } from "../src/link/secret";

/** A socket whose other end is the test. */
class Wire implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readyState = 0;
  readonly sent: unknown[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }
  tell(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
}

function start() {
  const wires: Wire[] = [];
  const events: MediaEvent[] = [];
  const connect = () => {
    const wire = new Wire();
    wires.push(wire);
    return wire;
  };
  const link = new SocketLink(connect, (event) => events.push(event));
  const wire = () => wires.at(-1) as Wire;
  return { link, wire, wires, events };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("the link to the app", () => {
  it("says what the page looks at and that it can take part in calls, at every connection", () => {
    const { link, wire } = start();
    link.look({ chat: "c", before: null, call: null });
    wire().open();
    expect(wire().sent).toEqual([{ look: { chat: "c", before: null, call: null } }, { media: true }]);
    wire().close();
    vi.advanceTimersByTime(250);
    wire().open();
    expect(wire().sent).toEqual([{ look: { chat: "c", before: null, call: null } }, { media: true }]);
  });

  it("gives each command its own answer", async () => {
    const { link, wire } = start();
    wire().open();
    const first = link.command({ kind: "createAccount", name: "a" });
    const second = link.command({ kind: "createAccount", name: "b" });
    const ids = wire().sent.slice(2) as { id: number }[];
    wire().tell({ answer: { id: ids[1]?.id, error: { kind: "accountExists" } } });
    wire().tell({ answer: { id: ids[0]?.id, error: null } });
    expect(await first).toBeNull();
    expect(await second).toEqual({ kind: "accountExists" });
  });

  it("leaves no command without an answer when the app goes", async () => {
    const { link, wire } = start();
    wire().open();
    const command = link.command({ kind: "createAccount", name: "a" });
    wire().close();
    expect(await command).toEqual({ kind: "unanswered" });
    expect(await link.command({ kind: "createAccount", name: "a" })).toEqual({ kind: "unanswered" });
  });

  it("keeps the last view while the app is gone, and goes on with the next", () => {
    const { link, wire } = start();
    expect(link.state()).toEqual({ phase: "starting", view: null });
    wire().open();
    wire().tell({ view: emptyView() });
    wire().close();
    expect(link.state()).toEqual({ phase: "lost", view: emptyView() });
    vi.advanceTimersByTime(250);
    wire().open();
    wire().tell({ view: { ...emptyView(), proxyUse: "always" } });
    expect(link.state()).toMatchObject({ phase: "open", view: { proxyUse: "always" } });
  });

  it("says when the app that is there does not know this page, and goes on when it does again", () => {
    const { link, wire } = start();
    wire().close(REFUSED);
    expect(link.state().phase).toBe("refused");
    vi.advanceTimersByTime(250);
    wire().open();
    wire().tell({ view: emptyView() });
    expect(link.state().phase).toBe("open");
  });

  it("tries again ever more slowly", () => {
    const { wire, wires } = start();
    for (const wait of [250, 500, 1_000, 2_000, 2_000]) {
      const before = wires.length;
      wire().close();
      vi.advanceTimersByTime(wait - 1);
      expect(wires.length).toBe(before);
      vi.advanceTimersByTime(1);
      expect(wires.length).toBe(before + 1);
    }
  });

  it("hands media events on", () => {
    const { wire, events } = start();
    wire().open();
    wire().tell({ media: { kind: "stop", call: "c" } });
    expect(events).toEqual([{ kind: "stop", call: "c" }]);
  });
});

describe("the start link's secret", () => {
  it("leaves the address bar and stays for the tab", () => {
    history.replaceState(null, "", "/#c2VjcmV0");
    sessionStorage.clear();
    expect(takeSecret(location, history, sessionStorage)).toBe("c2VjcmV0");
    expect(location.hash).toBe("");
    expect(takeSecret(location, history, sessionStorage)).toBe("c2VjcmV0");
  });

  it("is missing in a page that was opened otherwise", () => {
    history.replaceState(null, "", "/");
    sessionStorage.clear();
    expect(takeSecret(location, history, sessionStorage)).toBeNull();
  });
});
