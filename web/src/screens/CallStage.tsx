// In a call: the tiles, what is wrong with sound or picture, the switches, and the keys for them.

import { useState } from "react";
import { useApp, useChoices, useCommand, useMedia } from "../app";
import type { CallView } from "../contract";
import { setChoices } from "../media/choices";
import { canShareScreen } from "../media/screen";
import { AddPeople } from "../parts/AddPeople";
import { HangUp, MicrophoneSwitch } from "../parts/Switches";
import { go } from "../route";
import { useWords } from "../words";
import { CallControls } from "./CallControls";
import { CallNotices } from "./CallNotices";
import { CallOptions } from "./CallOptions";
import { CallPeople } from "./CallPeople";
import { CallStatistics } from "./CallStatistics";
import { CallTiles, useArrangement } from "./CallTiles";
import { Picture } from "./Picture";
import { shownOf } from "./places";
import { screenName } from "./ScreenTile";
import { ShortcutHelp } from "./ShortcutHelp";
import { canShowSmall, useSmallWindow } from "./SmallWindow";
import { useShortcuts } from "./shortcuts";

export type Actions = ReturnType<typeof useActions>;
type Open = "add" | "options" | "statistics" | "shortcuts";

export function CallStage({ call }: { call: CallView }) {
  const words = useWords();
  const media = useMedia();
  const [panel, setPanel] = useState(hasRoomForPanel);
  const [pinned, setPinned] = useState<string | null>(null);
  const [open, setOpen] = useState<Open | null>(null);
  const actions = useActions(call, { panel, setPanel, setOpen });
  useShortcuts({ muted: actions.muted, onMuted: actions.setMuted, keys: actions.keys });
  const close = () => setOpen(null);
  return (
    <>
      <CallNotices call={call} onSwitchSharing={actions.share} />
      <div className="call-middle">
        <CallTiles call={call} media={media} pinned={pinned} onPin={setPinned} />
        {panel && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          <aside className="call-panel" aria-label={words.callInfo} tabIndex={0}>
            <CallPeople call={call} report={media?.report} />
          </aside>
        )}
      </div>
      <CallControls call={call} actions={actions} />
      {actions.small.portal(<Small call={call} pinned={pinned} actions={actions} />)}
      {open === "add" && <Adding call={call} onClose={close} />}
      {open === "options" && <CallOptions onClose={close} />}
      {open === "statistics" && <CallStatistics call={call} onClose={close} />}
      {open === "shortcuts" && <ShortcutHelp onClose={close} />}
    </>
  );
}

/** At the side of a wide window it is in nobody's way. */
function hasRoomForPanel(): boolean {
  return window.innerWidth >= 1100;
}

type Surroundings = {
  panel: boolean;
  setPanel: (panel: boolean) => void;
  setOpen: (open: Open) => void;
};

/** What buttons, menu, keys and the small window all do. */
function useActions(call: CallView, { panel, setPanel, setOpen }: Surroundings) {
  const { media: control } = useApp();
  const media = useMedia();
  const command = useCommand();
  const small = useSmallWindow();
  const { layout, voiceOnly } = useChoices();
  const muted = media?.muted ?? call.muted;
  const camera = media?.camera ?? call.camera;
  const sharing = media?.sharing != null;
  const setMuted = (muted: boolean) => void control.setMuted(muted);
  const setCamera = (on: boolean) => void control.setCamera(on);
  const share = () => void control.setSharing(!sharing);
  const switchLayout = () => setChoices({ layout: layout === "grid" ? "speaker" : "grid" });
  const switchVoiceOnly = () => setChoices({ voiceOnly: !voiceOnly });
  const raiseHand = () => void command({ kind: "raiseHand", call: call.id, raised: !call.hand });
  const react = (reaction: string) => void command({ kind: "react", call: call.id, reaction });
  const switchPanel = () => setPanel(!panel);
  const leave = () => {
    void command({ kind: "leaveCall", call: call.id });
    go({ at: "chat", chat: call.chat, before: null });
  };
  const keys = {
    m: () => setMuted(!muted),
    v: () => setCamera(!camera),
    l: switchLayout,
    f: toggleFullScreen,
    p: switchPanel,
    h: raiseHand,
    o: switchVoiceOnly,
    "?": () => setOpen("shortcuts"),
    ...(canShareScreen() && { s: share }),
    ...(canShowSmall() && { w: small.toggle }),
  };
  const switches = {
    setMuted,
    setCamera,
    share,
    raiseHand,
    react,
    switchLayout,
    switchVoiceOnly,
    switchPanel,
    toggleFullScreen,
  };
  return { muted, camera, sharing, panel, layout, voiceOnly, small, keys, leave, setOpen, ...switches };
}

function toggleFullScreen(): void {
  // The whole page, so that notices and dialogs come along.
  const change = document.fullscreenElement
    ? document.exitFullscreen()
    : document.documentElement.requestFullscreen?.();
  change?.catch(() => undefined);
}

function Adding({ call, onClose }: { call: CallView; onClose: () => void }) {
  const words = useWords();
  const command = useCommand();
  return (
    <AddPeople
      title={words.addPeople}
      present={[...call.present, ...call.absent].map((person) => person.account)}
      onAdd={(members) => command({ kind: "addToCall", call: call.id, members })}
      onClose={onClose}
    />
  );
}

/** In the small window: one person or screen, and the two switches that one needs at once. */
function Small({ call, pinned, actions }: { call: CallView; pinned: string | null; actions: Actions }) {
  const words = useWords();
  const media = useMedia();
  const { large, others } = useArrangement(call, media, pinned);
  const place = large ?? others.find(({ person }) => !person.me) ?? others[0];
  if (!place) return null;
  const { person, screen } = place;
  const shown = shownOf(place, media);
  const name = screen ? screenName(person, words) : person.me ? words.you : person.name;
  return (
    <div className="small-call">
      {shown && <Picture stream={shown} whole={screen} label={screen ? name : words.pictureOf(person.name)} />}
      <p className="tile-name small" dir="auto">
        {name}
      </p>
      <div className="small-switches">
        <MicrophoneSwitch muted={actions.muted} onMuted={actions.setMuted} />
        <HangUp onLeave={actions.leave} />
      </div>
    </div>
  );
}
