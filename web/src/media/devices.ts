// Microphone and camera: what can be had of them, and in which words to say what cannot.

/** Why a device is not there. */
export type DeviceTrouble = "denied" | "missing" | "busy";

export type Device = "microphone" | "camera";

export type Acquired = {
  microphone: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  troubles: Partial<Record<Device, DeviceTrouble>>;
};

type Devices = Pick<MediaDevices, "getUserMedia">;

const AUDIO: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const VIDEO: MediaTrackConstraints = {
  width: { ideal: 1280 },
  height: { ideal: 720 },
  frameRate: { ideal: 30, max: 30 },
};

/** Both at once, so that the person is asked once; if that fails each alone, so that one of them may still come. */
export async function acquire(devices: Devices, wanted: { camera: boolean }): Promise<Acquired> {
  if (wanted.camera) {
    try {
      const both = await devices.getUserMedia({ audio: AUDIO, video: VIDEO });
      return { microphone: first(both.getAudioTracks()), camera: first(both.getVideoTracks()), troubles: {} };
    } catch {
      // Which of the two it was, each alone will say.
    }
  }
  const microphone = await acquireOne(devices, "microphone");
  const camera = wanted.camera ? await acquireOne(devices, "camera") : { track: null };
  const troubles: Acquired["troubles"] = {};
  if (microphone.trouble) troubles.microphone = microphone.trouble;
  if (camera.trouble) troubles.camera = camera.trouble;
  return { microphone: microphone.track, camera: camera.track, troubles };
}

export async function acquireOne(
  devices: Devices,
  device: Device,
): Promise<{ track: MediaStreamTrack | null; trouble?: DeviceTrouble }> {
  try {
    const stream = await devices.getUserMedia(device === "microphone" ? { audio: AUDIO } : { video: VIDEO });
    return { track: first(stream.getTracks()) };
  } catch (error) {
    return { track: null, trouble: troubleOf(error) };
  }
}

function troubleOf(error: unknown): DeviceTrouble {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "missing";
  return "busy";
}

function first(tracks: MediaStreamTrack[]): MediaStreamTrack | null {
  return tracks[0] ?? null;
}
