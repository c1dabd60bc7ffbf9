// The page's end of the loopback WebSocket: whole views come in, typed commands go out, each answered once. What comes first: proof.ts.
//
//   page → app:  {"look": Look}   {"id": n, "command": Command}   {"media": true}
//   app → page:  {"view": View}   {"answer": {"id": n, "error": CommandError|null}}   {"media": MediaEvent}

import type { Command, CommandError, Look, MediaEvent, View } from "../contract";
import { ProvenSocket, REFUSED, type Secrets } from "./proof";

/**
 * `starting`: no view yet. `open`: the view is of now. `lost`: the app is gone, its last view stays. `refused`: the app that is there
 * does not know this page.
 */
export type Phase = "starting" | "open" | "lost" | "refused";

export type LinkState = { phase: Phase; view: View | null };

/** The app was not there to take a command, or went before it answered. */
export type Unanswered = { kind: "unanswered" };

/** The browser could not begin a call's media. */
export type NoMedia = { kind: "media" };

export type Trouble = CommandError | Unanswered | NoMedia;

/** What screens and the media engine need of the app. */
export type AppLink = {
  subscribe(listener: () => void): () => void;
  state(): LinkState;
  /** Null: it is written down and will be done. */
  command(command: Command): Promise<Trouble | null>;
  look(look: Look): void;
};

type FromApp = { view: View } | { answer: { id: number; error: CommandError | null } } | { media: MediaEvent };

/** The part of a WebSocket that is used, so that tests bring their own. */
export type Socket = {
  readonly readyState: number;
  send(text: string): void;
  close(): void;
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
};

const RETRY_MS = [250, 500, 1_000, 2_000];
const OPEN = 1;

export class SocketLink implements AppLink {
  readonly #connect: () => Socket;
  readonly #onMedia: (event: MediaEvent) => void;
  readonly #listeners = new Set<() => void>();
  readonly #waiting = new Map<number, (trouble: Trouble | null) => void>();
  #state: LinkState = { phase: "starting", view: null };
  #socket: Socket | null = null;
  #look: Look = { chat: null, before: null, call: null };
  #nextId = 1;
  #failures = 0;

  constructor(connect: () => Socket, onMedia: (event: MediaEvent) => void) {
    this.#connect = connect;
    this.#onMedia = onMedia;
    this.#dial();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly state = (): LinkState => this.#state;

  readonly command = (command: Command): Promise<Trouble | null> => {
    const socket = this.#socket;
    if (!socket || socket.readyState !== OPEN) return Promise.resolve({ kind: "unanswered" });
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      socket.send(JSON.stringify({ id, command }));
    });
  };

  readonly look = (look: Look): void => {
    this.#look = look;
    this.#tell({ look });
  };

  #dial(): void {
    const socket = this.#connect();
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      this.#tell({ look: this.#look });
      // Every page can take part in calls. Of several the app chooses the one in which somebody starts or joins.
      this.#tell({ media: true });
    };
    socket.onmessage = ({ data }) => this.#handle(JSON.parse(String(data)) as FromApp);
    socket.onclose = ({ code }) => this.#handleLost(code === REFUSED ? "refused" : "lost");
  }

  #handle(message: FromApp): void {
    if ("view" in message) this.#setState({ phase: "open", view: message.view });
    else if ("media" in message) this.#onMedia(message.media);
    else {
      this.#waiting.get(message.answer.id)?.(message.answer.error);
      this.#waiting.delete(message.answer.id);
    }
  }

  #handleLost(phase: Phase): void {
    const unanswered = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const resolve of unanswered) resolve({ kind: "unanswered" });
    this.#setState({ phase, view: this.#state.view });
    const wait = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)];
    setTimeout(() => this.#dial(), wait);
  }

  #tell(message: { look: Look } | { media: true }): void {
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify(message));
  }

  #setState(state: LinkState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

export function openSocket(secrets: Secrets): Socket {
  const socket = new WebSocket(`ws://${location.host}/ws`, ["umweg.v1"]) as Socket;
  return new ProvenSocket(socket, location.host, secrets);
}
