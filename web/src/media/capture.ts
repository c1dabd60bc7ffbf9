// The own microphone and camera, before a call and in it: had when wanted, changed when another is chosen, replaced when unplugged.

import { type Blurred, blur } from "./blur/blur";
import { type Choices, choices, subscribeChoices } from "./choices";
import {
  acquire,
  acquireOne,
  type CameraTrouble,
  type Device,
  type DeviceLists,
  type DeviceTrouble,
  leaveToBrowser,
  listDevices,
  NO_DEVICES,
  wantsClean,
} from "./devices";
import { LevelMeter } from "./level";
import { type Clean, clean } from "./noise";

export type CaptureSnapshot = {
  /** What is sent of them: without noise, with a blurred background, if so chosen. */
  microphone: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  /** What is sent of the own camera, for showing. */
  picture: MediaStream | null;
  microphoneTrouble: DeviceTrouble | null;
  cameraTrouble: CameraTrouble | null;
  devices: DeviceLists;
  /** Noise was to be taken out by this page, and could not be: the browser does it. */
  uncleaned: boolean;
  /** There is no picture until its background can be blurred. */
  blurStarts: boolean;
  /** The person has not been asked yet, or the browser is still fetching them. */
  waiting: boolean;
};

/** A device went away while it was used. `replaced`: another one has taken over. */
export type Lost = { device: Device | "speaker"; replaced: boolean };

type Wants = Record<Device, boolean>;

export class Capture {
  readonly #onChange: (snapshot: CaptureSnapshot) => void;
  readonly #onLost: (lost: Lost) => void;
  readonly #meter = new LevelMeter();
  readonly #unsubscribe: () => void;
  readonly #refreshed = () => void this.#refresh();
  #wants: Wants = { microphone: false, camera: false };
  #chosen: Choices = choices();
  #work: Promise<void> = Promise.resolve();
  #ended = false;
  /** The devices' own tracks. */
  #sources: Record<Device, MediaStreamTrack | null> = { microphone: null, camera: null };
  #clean: Clean | null = null;
  #blurred: Blurred | null = null;
  #snapshot: CaptureSnapshot = {
    microphone: null,
    camera: null,
    picture: null,
    microphoneTrouble: null,
    cameraTrouble: null,
    devices: NO_DEVICES,
    uncleaned: false,
    blurStarts: false,
    waiting: false,
  };

  constructor(onChange: (snapshot: CaptureSnapshot) => void, onLost: (lost: Lost) => void) {
    this.#onChange = onChange;
    this.#onLost = onLost;
    this.#unsubscribe = subscribeChoices(() => void this.#handleChoices());
    navigator.mediaDevices?.addEventListener?.("devicechange", this.#refreshed);
  }

  get snapshot(): CaptureSnapshot {
    return this.#snapshot;
  }

  level(): number {
    return this.#meter.level();
  }

  /** Resolves when they are there, or known not to be. */
  want(change: Partial<Wants>): Promise<void> {
    this.#wants = { ...this.#wants, ...change };
    if (!this.#wants.camera) this.#setTrack("camera", null);
    return this.#inTurn(() => this.#acquire());
  }

  /** The person tries again what the browser refused before. */
  forgive(device: Device): void {
    this.#show(device === "camera" ? { cameraTrouble: null } : { microphoneTrouble: null });
  }

  end(): void {
    this.#ended = true;
    this.#unsubscribe();
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.#refreshed);
    this.#meter.end();
    this.#clean?.end();
    this.#blurred?.end();
    for (const track of Object.values(this.#sources)) {
      if (track) track.onended = null;
      track?.stop();
    }
  }

  /** One request at a time: the browser asks the person once. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(() => (this.#ended ? undefined : work()));
    return this.#work;
  }

  async #acquire(): Promise<void> {
    const missing = (device: Device) =>
      this.#wants[device] && !this.#sources[device] && this.#snapshot[`${device}Trouble`] === null;
    const wanted = { microphone: missing("microphone"), camera: missing("camera") };
    if (!wanted.microphone && !wanted.camera) return;
    this.#show({ waiting: true });
    if (wanted.microphone) {
      const got = await acquire(navigator.mediaDevices, { camera: wanted.camera }, this.#chosen);
      if (wanted.camera) await this.#handleTrack("camera", got.camera, got.troubles.camera);
      await this.#handleTrack("microphone", got.microphone, got.troubles.microphone);
    } else {
      const { track, trouble } = await acquireOne(navigator.mediaDevices, "camera", this.#chosen);
      await this.#handleTrack("camera", track, trouble);
    }
    this.#show({ waiting: false });
    await this.#list();
  }

  async #handleTrack(
    device: Device,
    track: MediaStreamTrack | null,
    trouble: DeviceTrouble | undefined,
  ): Promise<void> {
    if (device === "camera") return this.#handleCamera(track, trouble ?? null);
    const cleaned = track && wantsClean(this.#chosen) ? await this.#cleaned(track) : null;
    if (!this.#isWanted("microphone", track)) return cleaned?.end();
    this.#setMicrophone(track, cleaned);
    this.#show({ microphoneTrouble: trouble ?? null });
  }

  async #handleCamera(track: MediaStreamTrack | null, trouble: CameraTrouble | null): Promise<void> {
    const blurred = track && this.#chosen.blur ? await this.#blurredOf(track) : null;
    if (!this.#isWanted("camera", track)) return blurred?.end();
    if (track && this.#chosen.blur && !blurred) {
      track.stop();
      this.#setCamera(null, null, "unblurred");
    } else this.#setCamera(track, blurred, trouble);
  }

  /** The person may have switched it off while it was prepared. */
  #isWanted(device: Device, track: MediaStreamTrack | null): boolean {
    const wanted = this.#wants[device] && !this.#ended;
    if (!wanted) track?.stop();
    return wanted;
  }

  /** Null where it cannot be done. */
  async #cleaned(track: MediaStreamTrack): Promise<Clean | null> {
    const cleaned = await clean(track).catch(() => null);
    this.#show({ uncleaned: cleaned === null });
    if (!cleaned) await leaveToBrowser(track, this.#chosen);
    return cleaned;
  }

  /** Null where it cannot be done: then there is no picture. */
  async #blurredOf(track: MediaStreamTrack): Promise<Blurred | null> {
    this.#show({ blurStarts: true });
    const blurred = await blur(track, () => void this.#handleCamera(null, "unblurred")).catch(() => null);
    this.#show({ blurStarts: false });
    return blurred;
  }

  #setTrack(device: Device, track: MediaStreamTrack | null): void {
    if (device === "microphone") this.#setMicrophone(track, null);
    else this.#setCamera(track, null, this.#snapshot.cameraTrouble);
  }

  #setMicrophone(track: MediaStreamTrack | null, cleaned: Clean | null): void {
    this.#setSource("microphone", track);
    this.#clean?.end();
    this.#clean = cleaned;
    const microphone = cleaned?.track ?? track;
    this.#meter.listenTo(microphone);
    this.#show({ microphone });
  }

  #setCamera(track: MediaStreamTrack | null, blurred: Blurred | null, cameraTrouble: CameraTrouble | null): void {
    this.#setSource("camera", track);
    if (this.#blurred !== blurred) this.#blurred?.end();
    this.#blurred = blurred;
    const camera = blurred?.track ?? track;
    this.#show({ camera, picture: camera ? new MediaStream([camera]) : null, cameraTrouble });
  }

  #setSource(device: Device, track: MediaStreamTrack | null): void {
    const old = this.#sources[device];
    if (old === track) return;
    if (old) old.onended = null;
    old?.stop();
    this.#sources[device] = track;
    if (track) track.onended = () => void this.#handleEnded(device);
  }

  /** Unplugged, or taken away in the browser's own menu. */
  async #handleEnded(device: Device): Promise<void> {
    this.#setTrack(device, null);
    await this.#inTurn(() => this.#acquire());
    if (this.#wants[device] && !this.#ended) this.#onLost({ device, replaced: this.#snapshot[device] !== null });
  }

  async #handleChoices(): Promise<void> {
    const before = this.#chosen;
    const now = choices();
    this.#chosen = now;
    if (now.blur !== before.blur) await this.#handleBlur(now.blur);
    const otherwise = (["microphone", "noiseSuppression", "strongSuppression"] as const).some(
      (each) => now[each] !== before[each],
    );
    if (otherwise) await this.#change("microphone");
    if (now.camera !== before.camera) await this.#change("camera");
  }

  /** From the moment it is switched on nothing is shown as it is. */
  #handleBlur(on: boolean): Promise<void> {
    if (on) this.#show({ camera: null, picture: null });
    else if (this.#snapshot.cameraTrouble === "unblurred") this.forgive("camera");
    return this.#inTurn(async () => {
      const track = this.#sources.camera;
      if (this.#chosen.blur && this.#blurred) this.#setCamera(track, this.#blurred, null);
      else if (track) await this.#handleCamera(track, null);
      else await this.#acquire();
    });
  }

  /** The old one speaks on until the new one is there. */
  #change(device: Device): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#wants[device]) return;
      // Firefox gives one camera or microphone at a time to a page, and picks the open one again.
      if (device === "microphone") this.#setTrack(device, null);
      const { track, trouble } = await acquireOne(navigator.mediaDevices, device, this.#chosen);
      await this.#handleTrack(device, track, trouble);
    });
  }

  /** Something was plugged in or out: the lists change, and a chosen device that is back is taken again. */
  async #refresh(): Promise<void> {
    const gone = this.#snapshot.devices.speakers.some((each) => each.id === this.#chosen.speaker);
    await this.#list();
    const { devices } = this.#snapshot;
    const { microphone, camera } = this.#sources;
    const speakerThere = devices.speakers.some((each) => each.id === this.#chosen.speaker);
    if (gone && !speakerThere && this.#chosen.speaker !== null) this.#onLost({ device: "speaker", replaced: true });
    for (const [device, track, list] of [
      ["microphone", microphone, devices.microphones],
      ["camera", camera, devices.cameras],
    ] as const) {
      const chosen = this.#chosen[device];
      const back = list.some((each) => each.id === chosen) && track?.getSettings().deviceId !== chosen;
      const unmissed = !track && this.#snapshot[`${device}Trouble`] === "missing" && list.length > 0;
      if (unmissed) this.forgive(device);
      if (this.#wants[device] && (back || unmissed)) await this.#change(device);
    }
  }

  async #list(): Promise<void> {
    this.#show({ devices: await listDevices(navigator.mediaDevices) });
  }

  #show(change: Partial<CaptureSnapshot>): void {
    if (this.#ended) return;
    this.#snapshot = { ...this.#snapshot, ...change };
    this.#onChange(this.#snapshot);
  }
}
