// Sharing the screen: its picture goes out beside the camera's, its sound together with the microphone's.

const VIDEO: MediaTrackConstraints = { frameRate: { ideal: 15, max: 30 }, width: { max: 1920 }, height: { max: 1080 } };
/** What is played in a shared tab is meant to be heard as it is. */
const AUDIO: MediaTrackConstraints = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

export function canShareScreen(): boolean {
  return typeof navigator.mediaDevices?.getDisplayMedia === "function";
}

export class ScreenShare {
  readonly picture: MediaStreamTrack;
  readonly stream: MediaStream;
  readonly #sound: MediaStreamTrack | null;
  #mixer: Mixer | null = null;

  /** Asks the person what to share; null if nothing. To be called from a click. */
  static async choose(onEnded: () => void): Promise<ScreenShare | null> {
    const chosen = await navigator.mediaDevices.getDisplayMedia({ video: VIDEO, audio: AUDIO }).catch(() => null);
    const [picture] = chosen?.getVideoTracks() ?? [];
    return picture ? new ScreenShare(picture, chosen?.getAudioTracks()[0] ?? null, onEnded) : null;
  }

  private constructor(picture: MediaStreamTrack, sound: MediaStreamTrack | null, onEnded: () => void) {
    this.picture = picture;
    this.stream = new MediaStream([picture]);
    this.#sound = sound;
    picture.contentHint = "detail"; // letters rather than motion
    picture.onended = onEnded;
  }

  get hasSound(): boolean {
    return this.#sound !== null;
  }

  /** What goes out as sound: the microphone, with the screen's sound where there is any. */
  soundWith(microphone: MediaStreamTrack | null): MediaStreamTrack | null {
    if (!this.#sound) return microphone;
    if (this.#mixer?.microphone !== microphone) {
      this.#mixer?.end();
      this.#mixer = new Mixer(microphone, this.#sound);
    }
    return this.#mixer?.mixed ?? null;
  }

  end(): void {
    this.picture.onended = null;
    this.picture.stop();
    this.#sound?.stop();
    this.#mixer?.end();
  }
}

class Mixer {
  readonly microphone: MediaStreamTrack | null;
  readonly mixed: MediaStreamTrack | null;
  readonly #context = new AudioContext();

  constructor(microphone: MediaStreamTrack | null, sound: MediaStreamTrack) {
    this.microphone = microphone;
    const out = this.#context.createMediaStreamDestination();
    for (const track of [microphone, sound])
      if (track) this.#context.createMediaStreamSource(new MediaStream([track])).connect(out);
    this.mixed = out.stream.getAudioTracks()[0] ?? null;
  }

  end(): void {
    this.mixed?.stop();
    void this.#context.close();
  }
}
