// @vitest-environment node
import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Socket } from "../src/link/link";
import { ProvenSocket, Secrets } from "../src/link/proof";

const HOST = "127.0.0.1:4000";
const CHALLENGE = "the-nonce-of-the-app";

function mac(secret: string, who: string, host: string, nonce: string): string {
  return createHmac("sha256", secret).update(["umweg.v1", who, host, CHALLENGE, nonce].join("\n")).digest("hex");
}

/** The other end of a socket, which says what it is told to. */
class Other implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readyState = 1;
  readonly heard: Record<string, string>[] = [];
  #hears: (() => void) | null = null;

  send(text: string): void {
    this.heard.push(JSON.parse(text));
    this.#hears?.();
  }
  close(): void {
    this.readyState = 3;
    this.onclose?.({ code: 1005 });
    this.#hears?.();
  }
  tell(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  /** Settles when the page has said something or hung up. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#hears = resolve;
    });
  }
  async answer(): Promise<{ nonce: string; proof: string }> {
    const next = this.next();
    this.tell({ challenge: CHALLENGE });
    await next;
    return this.heard.at(-1) as { nonce: string; proof: string };
  }
}

function connect(secrets = new Secrets("start", () => {})) {
  const other = new Other();
  const page = new ProvenSocket(other, HOST, secrets);
  const opened = new Promise<void>((resolve) => {
    page.onopen = resolve;
  });
  const data: unknown[] = [];
  page.onmessage = (event) => data.push(JSON.parse(String(event.data)));
  return { other, page, opened, data };
}

const welcome = (proof: string) => ({ welcome: { proof, start: "start of later", lasting: "lasting" } });

describe("a page's proof", () => {
  it("opens the socket once the app has proven itself too, and loses nothing that follows", async () => {
    const { other, page, opened, data } = connect();
    const { nonce, proof } = await other.answer();
    expect(proof).toBe(mac("start", "page", HOST, nonce));
    expect(page.readyState).toBe(0);
    other.tell(welcome(mac("start", "app", HOST, nonce)));
    other.tell({ view: 1 });
    other.tell({ view: 2 });
    await opened;
    expect(page.readyState).toBe(1);
    await new Promise(setImmediate);
    expect(data).toEqual([{ view: 1 }, { view: 2 }]);
  });

  it("is by the secret that outlives the app from then on, while that of the start link is kept for a reload", async () => {
    const kept: string[] = [];
    const secrets = new Secrets("start", (start) => kept.push(start));
    const first = connect(secrets);
    first.other.tell(welcome(mac("start", "app", HOST, (await first.other.answer()).nonce)));
    await first.opened;
    expect(kept).toEqual(["start of later"]);
    const second = await connect(secrets).other.answer();
    expect(second.proof).toBe(mac("lasting", "page", HOST, second.nonce));
  });

  it("shows no secret", async () => {
    const { other } = connect();
    await other.answer();
    expect(JSON.stringify(other.heard)).not.toContain("start");
  });

  it.each([
    ["proves nothing", (nonce: string) => welcome(mac("guess", "app", HOST, nonce))],
    ["gives the page's own proof back", (nonce: string) => welcome(mac("start", "page", HOST, nonce))],
    ["speaks for another address", (nonce: string) => welcome(mac("start", "app", "127.0.0.1:4001", nonce))],
    ["says nothing of a proof", () => ({ view: {} })],
    ["challenges twice", () => ({ challenge: "again" })],
  ])("is not answered by a program that %s: nothing of it reaches the page", async (_, message) => {
    const kept: string[] = [];
    const { other, page, data } = connect(new Secrets("start", (start) => kept.push(start)));
    const { nonce } = await other.answer();
    const next = other.next();
    other.tell(message(nonce));
    other.tell({ view: 1 });
    await next;
    expect(other.readyState).toBe(3);
    await new Promise(setImmediate);
    expect({ data, kept, state: page.readyState, sent: other.heard.length }).toEqual({
      data: [],
      kept: [],
      state: 0,
      sent: 1,
    });
  });

  it("is not even begun with a program that sends a welcome first", async () => {
    const { other } = connect();
    const next = other.next();
    other.tell(welcome(mac("start", "app", HOST, "")));
    await next;
    expect(other.readyState).toBe(3);
  });
});
