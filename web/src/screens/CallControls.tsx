// The switches at the foot of a call, and the menu with the rest.

import type { CallView } from "../contract";
import { canShareScreen } from "../media/screen";
import { useNow } from "../parts/clock";
import { Menu, type MenuItem } from "../parts/Menu";
import { CameraSwitch, HangUp, MicrophoneSwitch, Switch } from "../parts/Switches";
import { useWords, type Words } from "../words";
import type { Actions } from "./CallStage";
import { canShowSmall } from "./SmallWindow";

export function CallControls({ call, actions }: { call: CallView; actions: Actions }) {
  const words = useWords();
  const { muted, camera, sharing, panel } = actions;
  return (
    <div className="call-controls">
      <Elapsed call={call} />
      <MicrophoneSwitch muted={muted} onMuted={actions.setMuted} />
      <CameraSwitch on={camera} onCamera={actions.setCamera} />
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
      <HangUp onLeave={actions.leave} />
    </div>
  );
}

function itemsOf(call: CallView, actions: Actions, words: Words): MenuItem[] {
  const { sharing, layout, voiceOnly, small, setOpen } = actions;
  // Where the window is wide these have buttons of their own (`wideOnly`).
  const narrow = window.matchMedia?.("(max-width: 819px)").matches ?? false;
  const full = document.fullscreenElement !== null && document.fullscreenElement !== undefined;
  const items: (MenuItem | false)[] = [
    narrow && { icon: "plus", label: words.addPeople, onChoose: () => setOpen("add") },
    narrow && { icon: "hand", label: call.hand ? words.lowerHand : words.raiseHand, onChoose: actions.raiseHand },
    narrow &&
      canShareScreen() && {
        icon: "screen",
        label: sharing ? words.stopSharing : words.shareScreen,
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
