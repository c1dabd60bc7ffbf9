// Blurs what is behind the person in the own picture: a small neural network finds the person, in a worker of its own. Loaded by whoever
// switches it on.
//
// It fails shut: a picture that could not be blurred goes nowhere, and whoever wanted it is told.
//
// The worker is taken from @twilio/video-processors as it is, without the class around it, which never ends its workers. In it run
// TensorFlow Lite and MediaPipe's selfie segmentation, both under Apache-2.0.

// What the worker asks for by name, beside itself. All browsers that draw these pages have SIMD.
import "@twilio/video-processors/dist/build/selfie_segmentation_landscape.tflite?url";
import "@twilio/video-processors/dist/build/tflite-simd-1-0-0.js?url";
import "@twilio/video-processors/dist/build/tflite-simd-1-0-0.wasm?url";
import workerUrl from "@twilio/video-processors/dist/build/twilio-gaussian-blur-background-processor-pipeline-worker.js?url";
import type { GaussianBlurBackgroundProcessorPipelineWorker as Pipeline } from "@twilio/video-processors/es5/processors/background/pipelines/backgroundprocessorpipeline/GaussianBlurBackgroundProcessorPipeline.worker";
import type { Remote } from "comlink";
import { within } from "../within";
import { canPipe, openPipe, type Pipe } from "./pipe";

/** Three megabytes from this computer, and the first picture. */
const BEGINS_WITHIN_MS = 20_000;
/** A slow computer takes half a second for a picture. */
const STALLS_AFTER_MS = 8_000;
/** As the library has them, for a picture of 720 lines. */
const LOOK = { blurFilterRadius: 15, maskBlurRadius: 8, hysteresis: true };

export type Blurred = { track: MediaStreamTrack; end(): void };

/** Takes the frame over, and closes it. */
type Render = (frame: VideoFrame) => Promise<ImageBitmap | null>;

export function canBlur(): boolean {
  const needed = [globalThis.Worker, globalThis.OffscreenCanvas, globalThis.VideoFrame, globalThis.WebAssembly];
  return needed.every((each) => each !== undefined) && canPipe();
}

/** The same picture with its background blurred, once the first one is there. The camera's own track stays with the caller. */
export async function blur(camera: MediaStreamTrack, onFailed: () => void): Promise<Blurred> {
  const pipe = openPipe(camera);
  const worker = new Worker(workerUrl, { name: "blur" });
  let ended = false;
  let work: Promise<unknown> = Promise.resolve();
  const end = () => {
    ended = true;
    pipe.end();
    // A worker that is ended with a picture in it leaves that to the garbage collector, which is late.
    void work.catch(() => undefined).finally(() => worker.terminate());
  };
  const begin = async () => {
    const render = await load(worker);
    await pass(pipe, render);
    return render;
  };
  const begun = within(BEGINS_WITHIN_MS, begin(), "the network that blurs does not begin");
  work = begun;
  try {
    const render = await begun;
    work = passOn(pipe, render).catch(() => {
      if (ended) return;
      end();
      onFailed();
    });
    return { track: pipe.track, end };
  } catch (error) {
    end();
    throw error;
  }
}

async function load(worker: Worker): Promise<Render> {
  const { transfer, wrap } = await import("comlink");
  const pipeline = await new (wrap<typeof Pipeline>(worker))({
    assetsPath: "",
    deferInputFrameDownscale: false,
    ...LOOK,
  });
  await pipeline.loadTwilioTFLite();
  if (computesGl()) await drawWithoutGl(pipeline);
  return (frame) => pipeline.render(transfer(frame, [frame]));
}

/** Whether WebGL is a program here rather than a graphics chip. Firefox says it at once, Chromium when asked more closely. */
function computesGl(): boolean {
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  const more = gl?.getExtension("WEBGL_debug_renderer_info");
  const names = [gl?.getParameter(gl.RENDERER), more && gl?.getParameter(more.UNMASKED_RENDERER_WEBGL)];
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(names.join());
}

/**
 * There a picture takes a fifth of the time by plain drawing. The library draws so where it finds no WebGL, and a canvas on which
 * something else was begun has none. What is begun cannot leave the worker: that it says so is no matter.
 */
async function drawWithoutGl(pipeline: Remote<Pipeline>): Promise<void> {
  type Canvas = { _webgl2Canvas: { getContext(kind: "2d"): Promise<unknown> } };
  await (pipeline as unknown as Canvas)._webgl2Canvas.getContext("2d").catch(() => undefined);
}

async function passOn(pipe: Pipe, render: Render): Promise<void> {
  while (await pass(pipe, render));
}

/** One picture; false when the camera has no more. */
async function pass(pipe: Pipe, render: Render): Promise<boolean> {
  const frame = await pipe.next();
  if (!frame) return false;
  const { timestamp } = frame;
  const picture = await within(STALLS_AFTER_MS, render(frame), "the network that blurs has stopped");
  if (!picture) throw new Error("the network that blurs gives no picture");
  await pipe.show(picture, timestamp);
  return true;
}
