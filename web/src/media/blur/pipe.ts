// Takes a camera's pictures one by one, and makes a track of what becomes of them.
//
// Chromium has streams for it. Elsewhere a video element shows the camera and a canvas records the result: both go on in a hidden
// page, but the page's own clocks do not, so a worker says when it is time for the next picture.

export type Pipe = {
  readonly track: MediaStreamTrack;
  /** The newest one: what came while the one before was worked on is left out. Null: there are no more. */
  next(): Promise<VideoFrame | null>;
  show(picture: ImageBitmap, timestamp: number): Promise<void>;
  end(): void;
};

/** Not yet in TypeScript's library. */
type Streams = {
  MediaStreamTrackProcessor: new (from: { track: MediaStreamTrack }) => { readable: ReadableStream<VideoFrame> };
  MediaStreamTrackGenerator: new (of: { kind: "video" }) => MediaStreamTrack & { writable: WritableStream<VideoFrame> };
};

export function canPipe(): boolean {
  return streams() !== null || typeof globalThis.HTMLCanvasElement?.prototype.captureStream === "function";
}

export function openPipe(camera: MediaStreamTrack): Pipe {
  const known = streams();
  return known ? new StreamPipe(camera, known) : new CanvasPipe(camera);
}

function streams(): Streams | null {
  const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = globalThis as Partial<Streams>;
  return MediaStreamTrackProcessor && MediaStreamTrackGenerator
    ? { MediaStreamTrackProcessor, MediaStreamTrackGenerator }
    : null;
}

class StreamPipe implements Pipe {
  readonly track: MediaStreamTrack;
  readonly #reader: ReadableStreamDefaultReader<VideoFrame>;
  readonly #writer: WritableStreamDefaultWriter<VideoFrame>;

  constructor(camera: MediaStreamTrack, { MediaStreamTrackProcessor, MediaStreamTrackGenerator }: Streams) {
    const generator = new MediaStreamTrackGenerator({ kind: "video" });
    this.track = generator;
    this.#reader = new MediaStreamTrackProcessor({ track: camera }).readable.getReader();
    this.#writer = generator.writable.getWriter();
  }

  async next(): Promise<VideoFrame | null> {
    return (await this.#reader.read()).value ?? null;
  }

  async show(picture: ImageBitmap, timestamp: number): Promise<void> {
    const frame = new VideoFrame(picture, { timestamp, alpha: "discard" });
    picture.close();
    // A stream that has ended takes none over.
    await this.#writer.write(frame).finally(() => frame.close());
  }

  end(): void {
    this.#reader.cancel().catch(() => undefined);
    this.#writer.abort().catch(() => undefined);
    this.track.stop();
  }
}

const PICTURES_PER_SECOND = 30;

class CanvasPipe implements Pipe {
  readonly track: MediaStreamTrack;
  readonly #video = document.createElement("video");
  readonly #canvas = document.createElement("canvas");
  readonly #shown: ImageBitmapRenderingContext | null;
  readonly #clock = new Worker(new URL("./clock.ts", import.meta.url), { type: "module", name: "clock" });
  #stopWaiting = () => {};

  constructor(camera: MediaStreamTrack) {
    this.#video.muted = true;
    this.#video.srcObject = new MediaStream([camera]);
    void this.#video.play().catch(() => undefined);
    this.#shown = this.#canvas.getContext("bitmaprenderer");
    const [track] = this.#canvas.captureStream().getVideoTracks();
    if (!track) throw new Error("the browser gives no track");
    this.track = track;
    this.#clock.postMessage(1_000 / (camera.getSettings().frameRate ?? PICTURES_PER_SECOND));
  }

  next(): Promise<VideoFrame | null> {
    if (this.track.readyState === "ended") return Promise.resolve(null);
    return new Promise((resolve) => {
      this.#stopWaiting = () => resolve(null);
      this.#clock.onmessage = () => {
        if (this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
        this.#clock.onmessage = null;
        resolve(new VideoFrame(this.#video, { timestamp: Math.round(performance.now() * 1_000) }));
      };
    });
  }

  async show(picture: ImageBitmap): Promise<void> {
    const { width, height } = picture;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#shown?.transferFromImageBitmap(picture);
  }

  end(): void {
    this.#clock.terminate();
    this.#video.srcObject = null;
    this.track.stop();
    this.#stopWaiting();
  }
}
