// Before a call: how one will be seen and heard, and with which devices.

import { type ReactNode, useEffect } from "react";
import { useApp, useCaptured, useChoices } from "../app";
import type { CaptureSnapshot } from "../media/capture";
import { setChoices } from "../media/choices";
import type { Device } from "../media/devices";
import { DevicePicker } from "../parts/DevicePicker";
import { Icon } from "../parts/Icon";
import { LevelBar } from "../parts/LevelBar";
import { CameraSwitch, MicrophoneSwitch } from "../parts/Switches";
import { useWords, type Words } from "../words";
import { explainDevice } from "../words/trouble";
import { BlurChoice, NoiseChoices } from "./CallSettings";
import { Picture } from "./Picture";

type LobbyPreviewProps = {
  /** A call with pictures; in a call by voice the camera is not touched. */
  video: boolean;
  /** How one goes in: above the devices, which most people leave as they are. */
  children: ReactNode;
};

export function LobbyPreview({ video, children }: LobbyPreviewProps) {
  const words = useWords();
  const { media } = useApp();
  const { enterMuted, enterWithCamera } = useChoices();
  const captured = useCaptured();
  const camera = video && enterWithCamera;
  useEffect(() => media.openLobby(), [media]);
  useEffect(() => void media.capture({ microphone: true, camera }), [media, camera]);
  return (
    <section className="preview" aria-label={words.yourPicture}>
      <div className="preview-picture">
        {captured?.picture && camera ? (
          <Picture stream={captured.picture} mirrored label={words.yourPicture} />
        ) : (
          <p className="preview-empty">
            <Icon name={video ? "videoOff" : "microphone"} />
            <span>{emptyWords(video, camera ? captured : null, words)}</span>
            {captured?.waiting && !captured.blurStarts && <span className="small">{words.cameraPermission}</span>}
          </p>
        )}
        <div className="preview-switches">
          <MicrophoneSwitch muted={enterMuted} onMuted={(muted) => setChoices({ enterMuted: muted })} />
          {video && <CameraSwitch on={camera} onCamera={(on) => setChoices({ enterWithCamera: on })} />}
        </div>
      </div>
      <LevelBar />
      {captured && <Troubles captured={captured} camera={camera} />}
      {children}
      <DevicePicker camera={camera} />
      <div>
        <NoiseChoices />
        {video && <BlurChoice />}
      </div>
    </section>
  );
}

/** Why there is no picture. */
function emptyWords(video: boolean, camera: CaptureSnapshot | null, words: Words): string {
  if (camera?.blurStarts) return words.blurStarts;
  if (camera?.waiting) return words.cameraStarting;
  return video ? words.cameraOff : words.voiceCall;
}

function Troubles({ captured, camera }: { captured: CaptureSnapshot; camera: boolean }) {
  return (
    <div className="call-notices" role="status">
      {captured.microphoneTrouble && <Trouble device="microphone" trouble={captured.microphoneTrouble} />}
      {camera && captured.cameraTrouble && <Trouble device="camera" trouble={captured.cameraTrouble} />}
    </div>
  );
}

type TroubleProps = { device: Device; trouble: NonNullable<CaptureSnapshot["cameraTrouble"]> };

function Trouble({ device, trouble }: TroubleProps) {
  const words = useWords();
  const { media } = useApp();
  return (
    <p>
      {explainDevice(device, trouble, words)}
      <button type="button" className="button" onClick={() => media.askAgain(device)}>
        {trouble === "unblurred" ? words.tryAgain : words.askAgain}
      </button>
    </p>
  );
}
