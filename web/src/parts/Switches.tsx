// The round switches of a call: at its foot, in the small window, and before it.

import { useWords } from "../words";
import { Icon, type IconName } from "./Icon";

type SwitchProps = {
  icon: IconName;
  label: string;
  off?: boolean;
  pressed?: boolean;
  wideOnly?: boolean;
  danger?: boolean;
  onClick: () => void;
};

export function Switch({ icon, label, off = false, pressed, wideOnly = false, danger = false, onClick }: SwitchProps) {
  return (
    <button
      type="button"
      className={`button call-switch${danger ? " button-danger" : ""}${wideOnly ? " only-wide" : ""}`}
      data-off={off}
      aria-label={label}
      aria-pressed={pressed}
      title={label}
      onClick={onClick}
    >
      <Icon name={icon} />
    </button>
  );
}

export function MicrophoneSwitch({ muted, onMuted }: { muted: boolean; onMuted: (muted: boolean) => void }) {
  const words = useWords();
  return (
    <Switch
      icon={muted ? "microphoneOff" : "microphone"}
      label={muted ? words.unmute : words.mute}
      off={muted}
      onClick={() => onMuted(!muted)}
    />
  );
}

export function CameraSwitch({ on, onCamera }: { on: boolean; onCamera: (on: boolean) => void }) {
  const words = useWords();
  return (
    <Switch
      icon={on ? "video" : "videoOff"}
      label={on ? words.turnCameraOff : words.turnCameraOn}
      off={!on}
      onClick={() => onCamera(!on)}
    />
  );
}

export function HangUp({ onLeave }: { onLeave: () => void }) {
  const words = useWords();
  return <Switch icon="hangUp" label={words.leaveCall} danger onClick={onLeave} />;
}
