// The media of one call, from the first `makeOffer` to `stop`: what is captured, the connection and the frame worker held together.

import type { CallView, Command, MediaEvent, RoadState, SlotView } from "../contract";
import type { Capture } from "./capture";
import { choices } from "./choices";
import { Connection } from "./connection";
import { FrameWorker } from "./frame-worker";
import type { Source } from "./protocol";
import { loadOf, type Report, reportOf } from "./quality";
import { Burden, NO_RELIEF } from "./relief";
import { ScreenShare } from "./screen";
import type { SlotMedia } from "./slots";
import { Sound } from "./sound";
import { isLoud, Loudness, levelOf, Unheard } from "./speaking";
import { gatherStats, type MediaStats } from "./stats";
import { Waiting } from "./waiting";
import { Wish } from "./wish";

export type Link = "connecting" | "connected" | "interrupted";

/** What the screen shows of it. */
export type MediaSnapshot = {
  call: string;
  link: Link;
  muted: boolean;
  camera: boolean;
  /** The own camera. */
  own: MediaStream | null;
  /** The screen is shared. `withSound`: its sound too. */
  sharing: { withSound: boolean; stream: MediaStream } | null;
  media: SlotMedia[];
  slots: SlotView[];
  /** Leaves that can be heard at the moment. */
  speaking: number[];
  /** The person speaks, and is muted. */
  unheard: boolean;
  soundBlocked: boolean;
  /** Null before there is something to compare. */
  report: Report | null;
};

type MakeOffer = Extract<MediaEvent, { kind: "makeOffer" }>;
type OwnView = Pick<CallView, "muted" | "camera" | "screen" | "present">;
/** Null: the app has taken it. */
export type SendCommand = (command: Command) => Promise<object | null>;

const LISTEN_EVERY_MS = 250;
const REPORT_EVERY_MS = 2_000;
/** A connection that failed is made anew, at most this often. */
const RENEW_GAP_MS = 5_000;

export class Session {
  readonly call: string;
  readonly #command: SendCommand;
  readonly #onChange: (snapshot: MediaSnapshot) => void;
  readonly #capture: Capture;
  readonly #frames: FrameWorker;
  readonly #sound: Sound;
  readonly #muted = new Wish(false);
  readonly #camera = new Wish(false);
  readonly #screen = new Wish(false);
  readonly #unheard = new Unheard();
  readonly #loudness = new Loudness();
  readonly #burden = new Burden();
  /** By leaf, of those whose sound comes by way of a proxy. */
  #waiting = new Map<number, Waiting>();
  #listened = 0;
  #lateMs = 0;
  readonly #timers: ReturnType<typeof setInterval>[];
  #connection: Connection | null = null;
  #share: ScreenShare | null = null;
  #lastStats: { stats: MediaStats; at: number } | null = null;
  #late = { own: false, leaves: new Set<number>() };
  /** By participant, as the roster has them. */
  #leaves = new Map<number, number>();
  #streams = 0;
  #renewed = 0;
  #entered = false;
  #ended = false;
  #snapshot: MediaSnapshot;

  constructor(call: string, capture: Capture, command: SendCommand, onChange: (snapshot: MediaSnapshot) => void) {
    this.call = call;
    this.#capture = capture;
    this.#command = command;
    this.#onChange = onChange;
    this.#frames = new FrameWorker((stream, source) => this.#setSource(stream, source));
    this.#sound = new Sound((soundBlocked) => this.#show({ soundBlocked }));
    this.#timers = [
      setInterval(() => void this.#listen(), LISTEN_EVERY_MS),
      setInterval(() => void this.#report(), REPORT_EVERY_MS),
    ];
    const nobody = { own: null, sharing: null, media: [], slots: [], speaking: [] };
    const quiet = { muted: false, camera: false, unheard: false, soundBlocked: false, report: null };
    this.#snapshot = { call, link: "connecting", ...nobody, ...quiet };
  }

  get snapshot(): MediaSnapshot {
    return this.#snapshot;
  }

  async handleMakeOffer(event: MakeOffer): Promise<void> {
    this.#camera.confirm(event.camera);
    if (!this.#entered && choices().enterMuted) this.#muted.want(true);
    await this.#capture.want({ microphone: true, camera: this.#camera.value });
    if (this.#ended) return;
    await this.#connect(event);
    if (!this.#entered && this.#muted.value) await this.#command({ kind: "mute", call: this.call, muted: true });
    this.#entered = true;
  }

  async handleAnswer(sdp: string): Promise<void> {
    await this.#connection?.accept(sdp, choices());
  }

  handleKeys(epoch: number, leaf: number, baseKey: string): void {
    this.#frames.setKeys(epoch, leaf, baseKey);
  }

  handleSlots(slots: SlotView[]): void {
    this.#show({ slots });
    this.#expectLeaves();
  }

  /** What the app's view says of this device, and of the roads. */
  handleView(view: OwnView, road: RoadState): void {
    this.#muted.confirm(view.muted);
    this.#camera.confirm(view.camera);
    const wasShown = this.#screen.value;
    this.#screen.confirm(view.screen);
    // The service had no place for it.
    if (wasShown && !this.#screen.value) this.#endShare();
    this.#late = {
      own: road.kind === "proxy",
      leaves: new Set(view.present.filter((person) => person.byProxy).map((person) => person.leaf)),
    };
    this.#leaves = new Map(
      view.present.flatMap(({ participant, leaf }) => (participant === null ? [] : [[participant, leaf]])),
    );
    this.#expectLeaves();
    this.#setDelays();
    void this.#apply();
  }

  /** Another device, or none any more. */
  handleCapture(): void {
    // Applying waits for devices. A picture that is not to be seen any more must not go on meanwhile.
    if (!this.#capture.snapshot.camera) {
      this.#show({ own: null });
      void this.#connection?.send("camera", null);
    }
    void this.#apply();
  }

  /** At once here; the app is told. */
  async setMuted(muted: boolean): Promise<void> {
    this.#muted.want(muted);
    if (!muted) {
      if (!this.#capture.snapshot.microphone) this.#capture.forgive("microphone");
      await this.#capture.want({ microphone: true });
    }
    await this.#apply();
    const refused = await this.#command({ kind: "mute", call: this.call, muted });
    // Whatever the app says, nobody who turned the microphone off is heard.
    if (refused && !muted) this.#muted.giveUp();
    await this.#apply();
  }

  /** Off at once; on when the app says that there is room for one more camera. */
  async setCamera(on: boolean): Promise<void> {
    if (!on) this.#camera.want(false);
    else this.#capture.forgive("camera");
    await this.#apply();
    await this.#command({ kind: "camera", call: this.call, on });
  }

  /** Beside the camera. Nothing of the screen leaves before the app has taken it. */
  async setSharing(on: boolean): Promise<void> {
    if (!on) return this.#unshare();
    const share = await ScreenShare.choose(() => void this.setSharing(false));
    if (!share || this.#ended) return share?.end();
    this.#endShare();
    this.#share = share;
    if (await this.#command({ kind: "screen", call: this.call, on: true })) return this.#unshare();
    if (this.#share === share) this.#screen.want(true);
    await this.#apply();
  }

  async unblockSound(): Promise<void> {
    await this.#sound.unblock();
  }

  lastSealed(): Promise<Uint8Array | null> {
    return this.#frames.lastSealed();
  }

  async stats(): Promise<MediaStats | null> {
    if (!this.#connection) return null;
    return gatherStats(this.#connection.peer, await this.#frames.counts(), this.#snapshot);
  }

  end(): void {
    this.#ended = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#connection?.close();
    this.#share?.end();
    this.#sound.end();
    this.#frames.end();
  }

  async #connect(event: MakeOffer): Promise<void> {
    this.#connection?.close();
    this.#sound.clear();
    const counts = { audio: event.audioSlots, video: event.videoSlots };
    const connection = new Connection(this.#frames, counts, this.#streams, choices());
    this.#streams = connection.endStream;
    this.#connection = connection;
    this.#lastStats = null;
    connection.peer.onconnectionstatechange = () => this.#handleState(connection, event);
    await this.#apply();
    const sdp = await connection.offer();
    const media: SlotMedia[] = connection.slots.map(({ kind, transceiver }) => ({
      kind,
      mid: transceiver.mid ?? "",
      leaf: null,
      screen: false,
      stream: new MediaStream([transceiver.receiver.track]),
    }));
    for (const { kind, transceiver } of connection.slots)
      if (kind === "audio") this.#sound.add(transceiver.receiver.track);
    this.#show({ media, slots: [], link: "connecting" });
    this.#setDelays();
    const refused = await this.#command({ kind: "offer", call: this.call, sdp });
    if (refused) throw new Error("the app refused the offer");
  }

  #handleState(connection: Connection, event: MakeOffer): void {
    if (connection !== this.#connection) return;
    const state = connection.peer.connectionState;
    if (state === "connected") this.#show({ link: "connected" });
    if (state === "disconnected" || state === "failed") this.#show({ link: "interrupted" });
    if (state === "failed") this.#renew(event);
  }

  /** The road may change without the browser's notice; what fails here is the way between browser and app. */
  #renew(event: MakeOffer): void {
    const wait = Math.max(0, this.#renewed + RENEW_GAP_MS - Date.now());
    this.#renewed = Date.now() + wait;
    setTimeout(() => {
      if (!this.#ended) this.#connect(event).catch(() => this.#show({ link: "interrupted" }));
    }, wait);
  }

  /** Brings devices and senders to what is wished. */
  async #apply(): Promise<void> {
    if (this.#ended) return;
    this.#show({ muted: this.#muted.value, camera: this.#camera.value });
    if (this.#entered || this.#connection) await this.#capture.want({ camera: this.#camera.value });
    const { microphone, camera, picture, cameraTrouble } = this.#capture.snapshot;
    if (this.#ended) return;
    if (microphone) microphone.enabled = !this.#muted.value;
    if (this.#camera.value && !camera && cameraTrouble && this.#connection) await this.#withoutCamera();
    const share = this.#share;
    this.#show({ own: picture, sharing: share ? { withSound: share.hasSound, stream: share.stream } : null });
    const shown = this.#screen.value ? share : null;
    await this.#connection?.send("audio", shown ? shown.soundWith(microphone) : microphone);
    await this.#connection?.send("camera", this.#camera.value ? camera : null);
    await this.#connection?.send("screen", shown?.picture ?? null);
  }

  /** The camera was asked for and is not there: the call goes on with voice, and the others are told. */
  async #withoutCamera(): Promise<void> {
    this.#camera.want(false);
    this.#show({ camera: false });
    await this.#command({ kind: "camera", call: this.call, on: false });
  }

  async #unshare(): Promise<void> {
    if (!this.#share) return;
    this.#endShare();
    await this.#apply();
    await this.#command({ kind: "screen", call: this.call, on: false });
  }

  #endShare(): void {
    this.#share?.end();
    this.#share = null;
    this.#screen.want(false);
  }

  #expectLeaves(): void {
    for (const { stream, transceiver } of this.#connection?.slots ?? []) {
      const slot = this.#snapshot.slots.find(({ mid }) => mid === transceiver.mid);
      const leaf = this.#leaves.get(slot?.participant ?? 0);
      this.#frames.expect(stream, slot && leaf !== undefined ? { leaf, screen: slot.screen } : null);
    }
  }

  #setDelays(): void {
    const { own, leaves } = this.#late;
    const known = this.#waiting;
    this.#waiting = new Map();
    for (const [index, { leaf }] of this.#snapshot.media.entries()) {
      const late = leaf !== null && (own || leaves.has(leaf));
      if (late) this.#waiting.set(leaf, known.get(leaf) ?? new Waiting());
      this.#connection?.setDelay(index, (late && this.#waiting.get(leaf)?.ms) || null);
    }
  }

  #setSource(stream: number, source: Source): void {
    const index = this.#connection?.slots.findIndex((slot) => slot.stream === stream) ?? -1;
    if (index < 0) return;
    this.#show({ media: this.#snapshot.media.map((slot, at) => (at === index ? { ...slot, ...source } : slot)) });
    this.#setDelays();
  }

  async #listen(): Promise<void> {
    const now = performance.now();
    // A page that nobody looks at is woken rarely on purpose.
    if (this.#listened > 0 && !document.hidden)
      this.#lateMs = Math.max(this.#lateMs, now - this.#listened - LISTEN_EVERY_MS);
    this.#listened = now;
    this.#show({ unheard: this.#unheard.handleLevel(this.#muted.value ? this.#capture.level() : 0) });
    const heard = (this.#connection?.slots ?? []).flatMap(({ kind, transceiver }, index) => {
      const leaf = this.#snapshot.media[index]?.leaf ?? null;
      return kind === "audio" && leaf !== null
        ? [{ leaf, mid: transceiver.mid, level: levelOf(transceiver.receiver) }]
        : [];
    });
    if (heard.some(({ level }) => level === null)) await this.#measureLoudness();
    const speaking = heard
      .filter(({ level, mid }) => isLoud(level ?? this.#loudness.levelOf(mid ?? "")))
      .map(({ leaf }) => leaf);
    if (speaking.join() !== this.#snapshot.speaking.join()) this.#show({ speaking });
  }

  async #measureLoudness(): Promise<void> {
    const stats = await this.stats().catch(() => null);
    if (stats) this.#loudness.handleLook(stats.inbound.filter(({ kind }) => kind === "audio"));
  }

  async #report(): Promise<void> {
    const stats = await this.stats().catch(() => null);
    const at = Date.now();
    const last = this.#lastStats;
    this.#lastStats = stats && { stats, at };
    if (!stats || !last || at <= last.at) return;
    const seconds = (at - last.at) / 1_000;
    const load = loadOf(last.stats, stats, seconds, this.#lateMs);
    this.#lateMs = 0;
    const relief = choices().spare ? this.#burden.handleLook(load) : NO_RELIEF;
    const report = reportOf(last.stats, stats, seconds, { load, relief });
    this.#show({ report });
    for (const { leaf, madeUp } of report.rates) if (madeUp !== null) this.#waiting.get(leaf)?.handleLook(madeUp);
    this.#setDelays();
  }

  #show(change: Partial<MediaSnapshot>): void {
    const same = Object.entries(change).every(([key, value]) => this.#snapshot[key as keyof MediaSnapshot] === value);
    if (this.#ended || same) return;
    this.#snapshot = { ...this.#snapshot, ...change };
    this.#onChange(this.#snapshot);
  }
}
