// The media of one call, from the first `makeOffer` to `stop`: devices, connection and frame worker held together.

import type { Command, MediaEvent, SlotView } from "../contract";
import { Connection } from "./connection";
import { acquire, acquireOne, type DeviceTrouble } from "./devices";
import { FrameWorker } from "./frame-worker";
import type { SlotMedia } from "./slots";
import { Sound } from "./sound";
import { gatherStats, type MediaStats } from "./stats";
import { Wish } from "./wish";

export type Link = "connecting" | "connected" | "interrupted";

/** What the screen shows of it. */
export type MediaSnapshot = {
  call: string;
  link: Link;
  muted: boolean;
  camera: boolean;
  own: MediaStream | null;
  media: SlotMedia[];
  slots: SlotView[];
  /** Leaves that can be heard at the moment. */
  speaking: number[];
  microphoneTrouble: DeviceTrouble | null;
  cameraTrouble: DeviceTrouble | null;
  soundBlocked: boolean;
};

type MakeOffer = Extract<MediaEvent, { kind: "makeOffer" }>;
/** Null: the app has taken it. */
export type SendCommand = (command: Command) => Promise<object | null>;

/** Louder than this, a person speaks. */
const SPEAKING_LEVEL = 0.015;
const SPEAKING_POLL_MS = 250;
/** A connection that failed is made anew, at most this often. */
const RENEW_GAP_MS = 5_000;

export class Session {
  readonly call: string;
  readonly #command: SendCommand;
  readonly #onChange: (snapshot: MediaSnapshot) => void;
  readonly #frames: FrameWorker;
  readonly #sound: Sound;
  readonly #muted = new Wish(false);
  readonly #camera = new Wish(false);
  readonly #poll: ReturnType<typeof setInterval>;
  #connection: Connection | null = null;
  #microphoneTrack: MediaStreamTrack | null = null;
  #cameraTrack: MediaStreamTrack | null = null;
  #streams = 0;
  #renewed = 0;
  #acquiringCamera = false;
  #ended = false;
  #snapshot: MediaSnapshot;

  constructor(call: string, command: SendCommand, onChange: (snapshot: MediaSnapshot) => void) {
    this.call = call;
    this.#command = command;
    this.#onChange = onChange;
    this.#frames = new FrameWorker((stream, leaf) => this.#setSource(stream, leaf));
    this.#sound = new Sound((soundBlocked) => this.#show({ soundBlocked }));
    this.#poll = setInterval(() => this.#listen(), SPEAKING_POLL_MS);
    this.#snapshot = {
      call,
      link: "connecting",
      muted: false,
      camera: false,
      own: null,
      media: [],
      slots: [],
      speaking: [],
      microphoneTrouble: null,
      cameraTrouble: null,
      soundBlocked: false,
    };
  }

  get snapshot(): MediaSnapshot {
    return this.#snapshot;
  }

  async handleMakeOffer(event: MakeOffer): Promise<void> {
    this.#camera.confirm(event.camera);
    if (!this.#microphoneTrack) await this.#acquire(event.camera);
    if (!this.#ended) await this.#connect(event);
  }

  async handleAnswer(sdp: string): Promise<void> {
    await this.#connection?.accept(sdp);
  }

  handleKeys(epoch: number, leaf: number, baseKey: string): void {
    this.#frames.setKeys(epoch, leaf, baseKey);
  }

  handleSlots(slots: SlotView[]): void {
    this.#show({ slots });
  }

  /** What the app's view says of this device. */
  handleView(view: { muted: boolean; camera: boolean }): void {
    this.#muted.confirm(view.muted);
    this.#camera.confirm(view.camera);
    void this.#apply();
  }

  /** At once here; the app is told. */
  async setMuted(muted: boolean): Promise<void> {
    this.#muted.want(muted);
    if (!muted && !this.#microphoneTrack) await this.#acquireMicrophone();
    await this.#apply();
    const refused = await this.#command({ kind: "mute", call: this.call, muted });
    // Whatever the app says, nobody who turned the microphone off is heard.
    if (refused && !muted) this.#muted.giveUp();
    await this.#apply();
  }

  /** Off at once; on when the app says that there is room for one more camera. */
  async setCamera(on: boolean): Promise<void> {
    if (!on) this.#camera.want(false);
    else this.#show({ cameraTrouble: null });
    await this.#apply();
    await this.#command({ kind: "camera", call: this.call, on });
  }

  async unblockSound(): Promise<void> {
    await this.#sound.unblock();
  }

  async stats(): Promise<MediaStats | null> {
    if (!this.#connection) return null;
    return gatherStats(this.#connection.peer, await this.#frames.counts(), this.#snapshot);
  }

  lastSealed(): Promise<Uint8Array | null> {
    return this.#frames.lastSealed();
  }

  end(): void {
    this.#ended = true;
    clearInterval(this.#poll);
    this.#connection?.close();
    this.#sound.end();
    this.#frames.end();
    this.#microphoneTrack?.stop();
    this.#cameraTrack?.stop();
  }

  async #acquire(camera: boolean): Promise<void> {
    const got = await acquire(navigator.mediaDevices, { camera });
    if (this.#ended) {
      got.microphone?.stop();
      got.camera?.stop();
      return;
    }
    this.#microphoneTrack = got.microphone;
    this.#setCameraTrack(got.camera);
    this.#show({
      microphoneTrouble: got.troubles.microphone ?? null,
      cameraTrouble: got.troubles.camera ?? null,
    });
    if (camera && !got.camera) await this.#withoutCamera();
  }

  async #connect(event: MakeOffer): Promise<void> {
    this.#connection?.close();
    this.#sound.end();
    const counts = { audio: event.audioSlots, video: event.videoSlots };
    const connection = new Connection(this.#frames, counts, this.#streams);
    this.#streams += 2 + connection.slots.length;
    this.#connection = connection;
    connection.peer.onconnectionstatechange = () => this.#handleState(connection, event);
    await this.#apply();
    const sdp = await connection.offer();
    const media: SlotMedia[] = connection.slots.map(({ kind, transceiver }) => ({
      kind,
      mid: transceiver.mid ?? "",
      leaf: null,
      stream: new MediaStream([transceiver.receiver.track]),
    }));
    for (const { kind, transceiver } of connection.slots)
      if (kind === "audio") this.#sound.add(transceiver.receiver.track);
    this.#show({ media, slots: [], link: "connecting" });
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
    if (this.#microphoneTrack) this.#microphoneTrack.enabled = !this.#muted.value;
    if (!this.#camera.value) this.#setCameraTrack(null);
    else if (!this.#cameraTrack && this.#snapshot.cameraTrouble === null) await this.#acquireCamera();
    this.#show({ muted: this.#muted.value, camera: this.#camera.value });
    await this.#connection?.send("audio", this.#microphoneTrack);
    await this.#connection?.send("video", this.#cameraTrack);
  }

  async #acquireMicrophone(): Promise<void> {
    const { track, trouble } = await acquireOne(navigator.mediaDevices, "microphone");
    if (this.#ended) track?.stop();
    else this.#microphoneTrack = track;
    this.#show({ microphoneTrouble: trouble ?? null });
  }

  async #acquireCamera(): Promise<void> {
    if (this.#acquiringCamera || !this.#connection) return;
    this.#acquiringCamera = true;
    const { track, trouble } = await acquireOne(navigator.mediaDevices, "camera");
    this.#acquiringCamera = false;
    if (this.#ended || !this.#camera.value) {
      track?.stop();
      return;
    }
    this.#setCameraTrack(track);
    this.#show({ cameraTrouble: trouble ?? null });
    if (!track) await this.#withoutCamera();
  }

  /** The camera was asked for and is not there: the call goes on with voice, and the others are told. */
  async #withoutCamera(): Promise<void> {
    this.#camera.want(false);
    await this.#command({ kind: "camera", call: this.call, on: false });
  }

  #setCameraTrack(track: MediaStreamTrack | null): void {
    if (track === this.#cameraTrack) return;
    this.#cameraTrack?.stop();
    this.#cameraTrack = track;
    if (track) track.onended = () => void this.setCamera(false);
    this.#show({ own: track ? new MediaStream([track]) : null });
  }

  #setSource(stream: number, leaf: number): void {
    const index = this.#connection?.slots.findIndex((slot) => slot.stream === stream) ?? -1;
    if (index < 0) return;
    this.#show({ media: this.#snapshot.media.map((slot, at) => (at === index ? { ...slot, leaf } : slot)) });
  }

  #listen(): void {
    const speaking: number[] = [];
    for (const [index, { kind, transceiver }] of this.#connection?.slots.entries() ?? []) {
      const leaf = this.#snapshot.media[index]?.leaf;
      if (kind === "audio" && leaf !== null && leaf !== undefined && isLoud(transceiver.receiver)) speaking.push(leaf);
    }
    if (speaking.join() !== this.#snapshot.speaking.join()) this.#show({ speaking });
  }

  #show(change: Partial<MediaSnapshot>): void {
    const same = Object.entries(change).every(([key, value]) => this.#snapshot[key as keyof MediaSnapshot] === value);
    if (this.#ended || same) return;
    this.#snapshot = { ...this.#snapshot, ...change };
    this.#onChange(this.#snapshot);
  }
}

function isLoud(receiver: RTCRtpReceiver): boolean {
  const [newest] = receiver.getSynchronizationSources();
  if (!newest || performance.timeOrigin + performance.now() - sourceTime(newest.timestamp) > 1_000) return false;
  return (newest.audioLevel ?? 0) > SPEAKING_LEVEL;
}

/** Some browsers count from the page's beginning, others from 1970. */
function sourceTime(timestamp: number): number {
  return timestamp < 1e12 ? performance.timeOrigin + timestamp : timestamp;
}
