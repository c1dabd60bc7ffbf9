// Takes noise out of the own voice: RNNoise, a small neural network, in the browser's audio thread. Loaded by whoever switches it on.

import networkUrl from "@sapphi-red/web-noise-suppressor/rnnoise_simd.wasm?url";
import workletUrl from "@sapphi-red/web-noise-suppressor/rnnoiseWorklet.js?url";
import { within } from "./within";

/** What the network was trained with. */
const RATE = 48_000;
/** A browser that does not let the audio thread begin by then will not. */
const BEGINS_WITHIN_MS = 3_000;

export type Clean = { track: MediaStreamTrack; end(): void };

export function canClean(): boolean {
  return typeof AudioWorkletNode !== "undefined" && typeof WebAssembly !== "undefined";
}

/** The same sound without its noise. The microphone's own track stays with the caller. */
export async function clean(microphone: MediaStreamTrack): Promise<Clean> {
  const context = new AudioContext({ sampleRate: RATE });
  const end = () => void context.close();
  try {
    const { loadRnnoise, RnnoiseWorkletNode } = await import("@sapphi-red/web-noise-suppressor");
    // All browsers that draw these pages have SIMD.
    const loaded = loadRnnoise({ url: networkUrl, simdUrl: networkUrl });
    // Without a click some pages may not begin: then nothing at all would be heard.
    const begun = within(BEGINS_WITHIN_MS, context.resume(), "the audio thread does not begin");
    await Promise.all([loaded, context.audioWorklet.addModule(workletUrl), begun]);
    const worklet = new RnnoiseWorkletNode(context, { wasmBinary: await loaded, maxChannels: 1 });
    const output = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    context
      .createMediaStreamSource(new MediaStream([microphone]))
      .connect(worklet)
      .connect(output);
    const [track] = output.stream.getAudioTracks();
    if (!track) throw new Error("the browser gives no track");
    return { track, end };
  } catch (error) {
    end();
    throw error;
  }
}
