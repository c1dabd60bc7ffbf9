// The switches at the foot of a call, and the menu with the rest.

import type { CallView } from "../contract";
import { canShareScreen } from "../media/screen";
import { useNow } from "../parts/clock";
import { Icon, type IconName } from "../parts/Icon";
import { Menu, type MenuItem } from "../parts/Menu";
import { useWords, type Words } from "../words";
import type { Actions } from "./CallStage";
import { canShowSmall } from "./SmallWindow";

export function CallControls({ call, actions }: { call: CallView; actions: Actions }) {
  const words = useWords();
  const { muted, camera, sharing, panel } = actions;
  return (
    <div className="call-controls">
      <Elapsed call={call} />
      <Switch
        icon={muted ? "microphoneOff" : "microphone"}
        label={muted ? words.unmute : words.mute}
        off={muted}
        onClick={() => actions.setMuted(!muted)}
      />
      <Switch
        icon={camera ? "video" : "videoOff"}
        label={camera ? words.turnCameraOff : words.turnCameraOn}
        off={!camera}
        onClick={() => actions.setCamera(!camera)}
      />
      {canShareScreen() && (
        <Switch
          icon="screen"
          label={sharing ? words.stopSharing : words.shareScreen}
          pressed={sharing}
          wideOnly
          onClick={actions.share}
        />
      )}
      <Switch
        icon="hand"
        label={call.hand ? words.lowerHand : words.raiseHand}
        pressed={call.hand}
        wideOnly
        onClick={actions.raiseHand}
      />
      <Reactions onReact={actions.react} />
      <Switch icon="plus" label={words.addPeople} wideOnly onClick={() => actions.setOpen("add")} />
      <Switch icon="people" label={words.callInfo} pressed={panel} onClick={actions.switchPanel} />
      <Menu label={words.more} icon="more" items={itemsOf(call, actions, words)} />
      <button
        type="button"
        className="button button-danger call-switch"
        aria-label={words.leaveCall}
        onClick={actions.leave}
      >
        <Icon name="hangUp" />
      </button>
    </div>
  );
}

function itemsOf(call: CallView, actions: Actions, words: Words): MenuItem[] {
  const { sharing, layout, voiceOnly, small, setOpen } = actions;
  const full = document.fullscreenElement !== null && document.fullscreenElement !== undefined;
  const items: (MenuItem | false)[] = [
    { icon: "plus", label: words.addPeople, narrowOnly: true, onChoose: () => setOpen("add") },
    {
      icon: "hand",
      label: call.hand ? words.lowerHand : words.raiseHand,
      narrowOnly: true,
      onChoose: actions.raiseHand,
    },
    canShareScreen() && {
      icon: "screen",
      label: sharing ? words.stopSharing : words.shareScreen,
      narrowOnly: true,
      onChoose: actions.share,
    },
    {
      icon: layout === "grid" ? "spotlight" : "grid",
      label: layout === "grid" ? words.speakerView : words.gridView,
      onChoose: actions.switchLayout,
    },
    { icon: "speaker", label: words.voiceOnly, pressed: voiceOnly, onChoose: actions.switchVoiceOnly },
    {
      icon: "fullScreen",
      label: full ? words.leaveFullScreen : words.fullScreen,
      onChoose: actions.toggleFullScreen,
    },
    canShowSmall() && {
      icon: "smallWindow",
      label: small.open ? words.pictureInPictureEnd : words.pictureInPicture,
      onChoose: small.toggle,
    },
    { icon: "settings", label: words.callSettings, onChoose: () => setOpen("options") },
    { icon: "statistics", label: words.statistics, onChoose: () => setOpen("statistics") },
    { icon: "keyboard", label: words.shortcuts, onChoose: () => setOpen("shortcuts") },
  ];
  return items.filter((item) => item !== false);
}

const REACTIONS = ["👍", "❤️", "😂", "🎉", "👏", "😮"];

/** Signs that everybody sees for a few seconds. */
function Reactions({ onReact }: { onReact: (reaction: string) => void }) {
  const words = useWords();
  const items = REACTIONS.map((reaction) => ({
    icon: reaction,
    label: words.reactWith(reaction),
    onChoose: () => onReact(reaction),
  }));
  return <Menu label={words.react} icon="smile" items={items} inRow />;
}

type SwitchProps = {
  icon: IconName;
  label: string;
  off?: boolean;
  pressed?: boolean;
  wideOnly?: boolean;
  onClick: () => void;
};

function Switch({ icon, label, off = false, pressed, wideOnly = false, onClick }: SwitchProps) {
  return (
    <button
      type="button"
      className={wideOnly ? "button call-switch only-wide" : "button call-switch"}
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

function Elapsed({ call }: { call: CallView }) {
  const words = useWords();
  const now = useNow(1000);
  if (call.state.kind !== "in") return <span className="call-elapsed small">{words.callJoining}</span>;
  return (
    <span className="call-elapsed small" role="timer">
      {words.format.duration(now - call.state.since)}
    </span>
  );
}
