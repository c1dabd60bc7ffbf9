// How loud the own microphone is at the moment: for the lobby's meter, and to notice who speaks while muted.

/** A full meter: loud speech close to the microphone. */
const FULL = 0.25;

export class LevelMeter {
  #context: AudioContext | null = null;
  #analyser: AnalyserNode | null = null;
  #track: MediaStreamTrack | null = null;
  #samples = new Float32Array(1_024);

  /** Listens to a copy of it, which goes on while the track itself is silenced. Nothing of the copy leaves this page. */
  listenTo(track: MediaStreamTrack | null): void {
    this.end();
    if (!track || typeof AudioContext === "undefined") return;
    this.#track = track.clone();
    this.#track.enabled = true;
    this.#context = new AudioContext();
    this.#analyser = new AnalyserNode(this.#context, { fftSize: this.#samples.length });
    this.#context.createMediaStreamSource(new MediaStream([this.#track])).connect(this.#analyser);
    void this.#context.resume().catch(() => undefined);
  }

  /** From 0 to 1. */
  level(): number {
    if (!this.#analyser) return 0;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    return loudness(this.#samples);
  }

  end(): void {
    this.#track?.stop();
    void this.#context?.close();
    this.#track = null;
    this.#context = null;
    this.#analyser = null;
  }
}

/** The root of the mean square, so that soft speech moves the meter too. */
export function loudness(samples: Float32Array): number {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return Math.min(1, Math.sqrt(Math.sqrt(power) / FULL));
}
