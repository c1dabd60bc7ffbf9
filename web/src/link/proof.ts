// Before anything else page and app prove to each other that they know the same secret, and neither shows it: a program that took the
// app's port while it was away learns nothing, and is not believed.
//
//   1. app → page:  {"challenge": nonce}
//   2. page → app:  {"nonce": nonce, "proof": HMAC-SHA256(secret, "umweg.v1 page", host, the app's nonce, the page's)}
//   3. app → page:  {"welcome": {"proof": HMAC-SHA256(secret, "umweg.v1 app", …), "start": secret, "lasting": secret}}
//
// Of the two secrets `start` is that of the start link; it ends with the app, and is kept for the case that this page is loaded again.
// `lasting` outlives the app, so a page that stays open goes on when the app is back. It is held in memory only, and cannot be read
// from there: a page that somebody else serves on the same port could read what the browser stores.

import type { Socket } from "./link";

/** The app's code for closing a connection whose page knows neither secret. */
export const REFUSED = 4403;

const ALGORITHM = { name: "HMAC", hash: "SHA-256" };
const CONNECTING = 0;

type Challenge = { challenge: string };
type Welcome = { welcome: { proof: string; start: string; lasting: string } };

/** What this page can prove itself by. */
export class Secrets {
  readonly #keep: (start: string) => void;
  #key: Promise<CryptoKey>;

  /** `keep` is given every newer secret of a start link. */
  constructor(start: string, keep: (start: string) => void) {
    this.#key = keyOf(start);
    this.#keep = keep;
  }

  key(): Promise<CryptoKey> {
    return this.#key;
  }

  renew(start: string, lasting: string): void {
    this.#keep(start);
    this.#key = keyOf(lasting);
  }
}

/** A socket that is open once both ends have proven themselves; what comes before that is not passed on. */
export class ProvenSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  readonly #socket: Socket;
  readonly #host: string;
  readonly #secrets: Secrets;
  #turn: Promise<void> = Promise.resolve();
  /** What the app is to prove: the key, and over what. */
  #expected: { key: CryptoKey; text: Uint8Array<ArrayBuffer> } | null = null;
  #proven = false;

  constructor(socket: Socket, host: string, secrets: Secrets) {
    this.#socket = socket;
    this.#host = host;
    this.#secrets = secrets;
    // Proving takes a moment, in which the next message may come: they keep their order.
    socket.onmessage = ({ data }) => {
      this.#turn = this.#turn.then(() => (this.#proven ? this.onmessage?.({ data }) : this.#prove(data)));
    };
    socket.onclose = (event) => this.onclose?.(event);
  }

  get readyState(): number {
    return this.#proven ? this.#socket.readyState : CONNECTING;
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close();
  }

  async #prove(data: unknown): Promise<void> {
    try {
      const message = JSON.parse(String(data)) as Challenge | Welcome;
      if ("welcome" in message) await this.#handleWelcome(message.welcome);
      else await this.#handleChallenge(message.challenge);
    } catch {
      this.close(); // whoever it is, it is not the app
      return;
    }
    if (this.#proven) this.onopen?.();
  }

  async #handleChallenge(challenge: string): Promise<void> {
    if (this.#expected) throw new Error("one challenge is enough");
    const nonce = crypto.randomUUID();
    const said = (who: string) => bytes(["umweg.v1", who, this.#host, challenge, nonce].join("\n"));
    const key = await this.#secrets.key();
    this.#expected = { key, text: said("app") };
    const proof = await crypto.subtle.sign(ALGORITHM, key, said("page"));
    this.send(JSON.stringify({ nonce, proof: toHex(proof) }));
  }

  async #handleWelcome({ proof, start, lasting }: Welcome["welcome"]): Promise<void> {
    if (!this.#expected) throw new Error("a welcome before the proof");
    const { key, text } = this.#expected;
    if (!(await crypto.subtle.verify(ALGORITHM, key, fromHex(proof), text))) throw new Error("a wrong proof");
    this.#secrets.renew(start, lasting);
    this.#proven = true;
  }
}

function keyOf(secret: string): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", bytes(secret), ALGORITHM, false, ["sign", "verify"]);
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function toHex(buffer: ArrayBuffer): string {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
