// The media engine in a real browser, against a plain peer connection in the place of the SFU and of another device.
//
// scripts/media-trial.mjs opens this page in Chromium and Firefox and reads `window.trial`.

import type { Command, PresentRow, View } from "../../src/contract";
import { type PictureCodec, setChoices } from "../../src/media/choices";
import { MediaEngine } from "../../src/media/engine";
import { FrameWorker } from "../../src/media/frame-worker";
import type { Counts } from "../../src/media/sframe/frames";
import { pictureOf } from "../../src/media/slots";

const CALL = "trial";
/** The sections that the engine sends in stand first: voice, camera, screen. */
const SENT = 3;
const KEYS = ["AAECAwQFBgcICQoLDA0ODw", "EBESExQVFhcYGRobHB0eHw", "ICEiIyQlJicoKSorLC0uLw"] as const;

type Facing = { decoded: number; energy: number; sentFrames: number; counts: Counts };
type Round = { engine: Facing; other: Facing; sources: (number | null)[]; codecs: string[] };

/** The other end: receives what the engine sends and sends its own camera and microphone into the first slots. */
class Other {
  readonly peer = new RTCPeerConnection();
  readonly frames = new FrameWorker(() => undefined);
  readonly #replayer = new Worker(new URL("./replayer.ts", import.meta.url), { type: "module" });

  /** `replays`: some frames of its sound are not new, but those before once more. */
  async answer(offer: string, key: string, replays: boolean): Promise<string> {
    this.frames.setKeys(1, 2, key);
    this.#replayer.postMessage(key);
    this.peer.ontrack = ({ receiver, track, transceiver }) => {
      const kind = track.kind === "audio" ? "audio" : "video";
      if (transceiver.currentDirection !== "sendonly")
        this.frames.attach(receiver, { side: "open", kind, stream: 100 });
      const player = document.createElement(kind);
      player.muted = kind === "video";
      player.autoplay = true;
      player.srcObject = new MediaStream([track]);
      document.body.append(player);
    };
    await this.peer.setRemoteDescription({ type: "offer", sdp: offer });
    // At once: Chromium lets frames pass by a transform that comes later.
    for (const { sender, receiver } of this.peer.getTransceivers().slice(SENT)) {
      const kind = receiver.track.kind === "audio" ? "audio" : "video";
      if (replays && kind === "audio") sender.transform = new RTCRtpScriptTransform(this.#replayer);
      else this.frames.attach(sender, { side: "seal", kind, stream: 200 });
    }
    const own = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 360 } });
    for (const track of own.getTracks()) await this.#send(track);
    await this.peer.setLocalDescription(await this.peer.createAnswer());
    await new Promise<void>((resolve) => {
      const check = () => this.peer.iceGatheringState === "complete" && resolve();
      this.peer.onicegatheringstatechange = check;
      check();
    });
    return this.peer.localDescription?.sdp ?? "";
  }

  async #send(track: MediaStreamTrack): Promise<void> {
    const slots = this.peer.getTransceivers().slice(SENT);
    const slot = slots.find((each) => each.receiver.track.kind === track.kind);
    if (!slot) throw new Error("no slot");
    slot.direction = "sendonly";
    await slot.sender.replaceTrack(track);
  }

  /** In what pictures come. */
  async codecs(): Promise<string[]> {
    const report = await this.peer.getStats();
    const all: Record<string, unknown>[] = [];
    report.forEach((each: Record<string, unknown>) => {
      all.push(each);
    });
    const used = all
      .filter(({ type, kind }) => type === "inbound-rtp" && kind === "video")
      .map(({ codecId }) => codecId);
    return all.filter(({ id }) => used.includes(id)).map(({ mimeType }) => String(mimeType));
  }

  async facing(): Promise<Facing> {
    const facing: Facing = { decoded: 0, energy: 0, sentFrames: 0, counts: await this.frames.counts() };
    const report = await this.peer.getStats();
    report.forEach((each: Record<string, unknown>) => {
      if (each.type === "inbound-rtp") {
        facing.decoded += Number(each.framesDecoded ?? 0);
        facing.energy += Number(each.totalAudioEnergy ?? 0);
      }
      if (each.type === "outbound-rtp") facing.sentFrames += Number(each.framesSent ?? 0);
    });
    return facing;
  }
}

class Trial {
  engine: MediaEngine | null = null;
  other = new Other();
  readonly commands: Command[] = [];

  /** A call in which the other end has this key; the engine always has the first. */
  async begin(otherKey: number, replays = false, codec: PictureCodec = "vp8"): Promise<void> {
    setChoices({ codec });
    this.engine?.stop();
    this.other.peer.close();
    this.other = new Other();
    const engine = new MediaEngine(async (command) => {
      this.commands.push(command);
      if (command.kind !== "offer") return null;
      const sdp = await this.other.answer(command.sdp, KEYS[otherKey] ?? KEYS[0], replays);
      await engine.handleEvent({ kind: "answer", call: CALL, sdp });
      return null;
    });
    this.engine = engine;
    const offered = engine.handleEvent({ kind: "makeOffer", call: CALL, audioSlots: 2, videoSlots: 2, camera: true });
    await engine.handleEvent({ kind: "keys", call: CALL, epoch: 1, baseKey: KEYS[0], leaf: 1 });
    await offered;
  }

  /** The sizes of sealed sound as it leaves, over some seconds of a call that begins now. */
  async soundSizes(constantRate: boolean): Promise<number[]> {
    setChoices({ constantRate });
    await this.begin(0);
    const sizes = new Set<number>();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    for (let look = 0; look < 60; look++) {
      sizes.add((await this.engine?.lastSealed())?.length ?? 0);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    setChoices({ constantRate: false });
    return [...sizes];
  }

  async rekey(): Promise<void> {
    await this.engine?.handleEvent({ kind: "keys", call: CALL, epoch: 2, baseKey: KEYS[2], leaf: 1 });
    this.other.frames.setKeys(2, 2, KEYS[2]);
  }

  /** The service says of all slots that they are that leaf's; whether the engine shows a picture under that name. */
  async place(leaf: number): Promise<boolean> {
    const person = { leaf, participant: 9, video: true } as PresentRow;
    const call = { id: CALL, state: { kind: "in", since: 0 }, muted: false, camera: true, present: [person] };
    this.engine?.handleView({ calls: [], call, road: { kind: "direct" } } as unknown as View);
    const slots = this.engine?.snapshot()?.media.map(({ mid }) => ({ mid, participant: 9, screen: false })) ?? [];
    await this.engine?.handleEvent({ kind: "slots", call: CALL, slots });
    const media = this.engine?.snapshot();
    return media != null && pictureOf(person, false, media.media, media.slots) !== null;
  }

  /** As the app would confirm it. */
  async camera(on: boolean): Promise<void> {
    await this.engine?.setCamera(on);
    const call = { id: CALL, state: { kind: "in", since: 0 }, muted: false, camera: on, present: [] };
    this.engine?.handleView({ calls: [], call, road: { kind: "direct" } } as unknown as View);
  }

  async round(): Promise<Round> {
    const stats = await this.engine?.stats();
    if (!stats) throw new Error("no session");
    const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
    return {
      engine: {
        decoded: sum(stats.inbound.map((each) => each.framesDecoded)),
        energy: sum(stats.inbound.map((each) => each.audioEnergy)),
        sentFrames: sum(stats.outbound.map((each) => each.framesSent)),
        counts: stats.frames,
      },
      codecs: await this.other.codecs(),
      other: await this.other.facing(),
      sources: this.engine?.snapshot()?.media.map((slot) => slot.leaf) ?? [],
    };
  }
}

declare global {
  interface Window {
    trial: Trial;
  }
}

window.trial = new Trial();
