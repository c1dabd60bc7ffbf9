// Microphone and camera: what can be had of them, and in which words to say what cannot.

import type { Choices } from "./choices";

/** Why a device is not there. */
export type DeviceTrouble = "denied" | "missing" | "busy";
/** `unblurred`: there is a picture, but not as the person wants it seen. */
export type CameraTrouble = DeviceTrouble | "unblurred";

export type Device = "microphone" | "camera";

export type Acquired = {
  microphone: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  troubles: Partial<Record<Device, DeviceTrouble>>;
};

/** What can be chosen from. Before a permission was given browsers tell neither names nor ids: then the lists are empty. */
export type DeviceLists = { microphones: Listed[]; cameras: Listed[]; speakers: Listed[] };
export type Listed = { id: string; name: string };

export const NO_DEVICES: DeviceLists = { microphones: [], cameras: [], speakers: [] };

type Devices = Pick<MediaDevices, "getUserMedia">;
type Wanted = Partial<Pick<Choices, "microphone" | "camera" | "noiseSuppression" | "strongSuppression">> & {
  /** For looking at something rather than at oneself. */
  outward?: boolean;
};

/** Whether noise is to be taken out by this page, which wants a sound that nobody has worked on before. */
export function wantsClean({ noiseSuppression = true, strongSuppression = false }: Wanted): boolean {
  return noiseSuppression && strongSuppression;
}

/** Where the page could not do it the browser does. */
export async function leaveToBrowser(track: MediaStreamTrack, chosen: Wanted): Promise<void> {
  const constraints = constraintsOf("microphone", { ...chosen, strongSuppression: false });
  await track.applyConstraints(constraints).catch(() => undefined);
}

/** A device that is gone must not keep the call from another one, so it is wished for and not demanded. */
function constraintsOf(device: Device, wanted: Wanted): MediaTrackConstraints {
  const { microphone, camera, noiseSuppression = true, outward = false } = wanted;
  const id = device === "microphone" ? microphone : camera;
  const chosen = id ? { deviceId: { ideal: id } } : {};
  if (device === "microphone") {
    const own = { echoCancellation: true, autoGainControl: true };
    return { ...chosen, ...own, noiseSuppression: noiseSuppression && !wantsClean(wanted) };
  }
  const size = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
  return { ...chosen, ...size, ...(outward && { facingMode: { ideal: "environment" } }) };
}

/** Both at once, so that the person is asked once; if that fails each alone, so that one of them may still come. */
export async function acquire(devices: Devices, wanted: { camera: boolean }, chosen: Wanted = {}): Promise<Acquired> {
  if (wanted.camera) {
    try {
      const audio = constraintsOf("microphone", chosen);
      const both = await devices.getUserMedia({ audio, video: constraintsOf("camera", chosen) });
      return { microphone: first(both.getAudioTracks()), camera: first(both.getVideoTracks()), troubles: {} };
    } catch {
      // Which of the two it was, each alone will say.
    }
  }
  const microphone = await acquireOne(devices, "microphone", chosen);
  const camera = wanted.camera ? await acquireOne(devices, "camera", chosen) : { track: null };
  const troubles: Acquired["troubles"] = {};
  if (microphone.trouble) troubles.microphone = microphone.trouble;
  if (camera.trouble) troubles.camera = camera.trouble;
  return { microphone: microphone.track, camera: camera.track, troubles };
}

export async function acquireOne(
  devices: Devices,
  device: Device,
  chosen: Wanted = {},
): Promise<{ track: MediaStreamTrack | null; trouble?: DeviceTrouble }> {
  try {
    const constraints = constraintsOf(device, chosen);
    const stream = await devices.getUserMedia(
      device === "microphone" ? { audio: constraints } : { video: constraints },
    );
    return { track: first(stream.getTracks()) };
  } catch (error) {
    return { track: null, trouble: troubleOf(error) };
  }
}

export async function listDevices(devices: Pick<MediaDevices, "enumerateDevices">): Promise<DeviceLists> {
  const all = await devices.enumerateDevices().catch(() => []);
  const of = (kind: MediaDeviceKind) =>
    all
      .filter((device) => device.kind === kind && device.deviceId !== "" && device.label !== "")
      // Chromium lists the system's choice a second time under this id; here it is the first entry of every menu.
      .filter((device) => device.deviceId !== "default" && device.deviceId !== "communications")
      .map((device) => ({ id: device.deviceId, name: device.label }));
  return { microphones: of("audioinput"), cameras: of("videoinput"), speakers: of("audiooutput") };
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
