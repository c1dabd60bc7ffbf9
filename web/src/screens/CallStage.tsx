// In a call: the tiles, what is wrong with sound or picture, and the switches.

import { useState } from "react";
import { useApp, useCommand, useMedia } from "../app";
import type { CallView, PresentRow } from "../contract";
import type { MediaSnapshot } from "../media/session";
import { pictureOf } from "../media/slots";
import { AddPeople } from "../parts/AddPeople";
import { useNow } from "../parts/clock";
import { Icon, type IconName } from "../parts/Icon";
import { go } from "../route";
import { useWords, type Words } from "../words";
import { CallPeople } from "./CallPeople";
import { useChosenVideos } from "./chosen-videos";
import { gridOf } from "./grid";
import { useStage } from "./stage-size";
import { Tile } from "./Tile";

export function CallStage({ call }: { call: CallView }) {
  const words = useWords();
  const [panel, setPanel] = useState(hasRoomForPanel);
  return (
    <>
      <Notices call={call} />
      <div className="call-middle">
        <Tiles call={call} />
        {panel && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
          <aside className="call-panel" aria-label={words.callInfo} tabIndex={0}>
            <CallPeople call={call} />
          </aside>
        )}
      </div>
      <Controls call={call} panel={panel} onPanel={() => setPanel(!panel)} />
    </>
  );
}

/** At the side of a wide window it is in nobody's way. */
function hasRoomForPanel(): boolean {
  return window.innerWidth >= 1100;
}

function Tiles({ call }: { call: CallView }) {
  const words = useWords();
  const media = useMedia();
  const [stage, size] = useStage();
  const grid = gridOf(call.present.length, size.width >= size.height ? "wide" : "tall");
  useChosenVideos(call, size.height, grid.rows);
  const style = { "--columns": grid.columns, "--rows": grid.rows } as React.CSSProperties;
  return (
    <section className="tiles" ref={stage} style={style} aria-label={words.pictures}>
      {call.present.map((person) => (
        <Tile
          key={`${person.account} ${person.leaf}`}
          person={person}
          picture={streamOf(person, media)}
          speaking={media?.speaking.includes(person.leaf) ?? false}
        />
      ))}
      {call.present.length === 1 && <p className="tiles-alone small">{words.onlyYou}</p>}
    </section>
  );
}

function streamOf(person: PresentRow, media: MediaSnapshot | null): MediaStream | null {
  if (!media) return null;
  return person.me ? media.own : pictureOf(person, media.media, media.slots);
}

function Notices({ call }: { call: CallView }) {
  const words = useWords();
  const { media: control } = useApp();
  const media = useMedia();
  const notices = noticesOf(call, media, words);
  return (
    <div className="call-notices" role="status">
      {notices.map((notice) => (
        <p key={notice}>{notice}</p>
      ))}
      {media?.soundBlocked && (
        <p>
          {words.soundBlocked}{" "}
          <button type="button" className="button" onClick={() => control.unblockSound()}>
            {words.playSound}
          </button>
        </p>
      )}
    </div>
  );
}

function noticesOf(call: CallView, media: MediaSnapshot | null, words: Words): string[] {
  const notices: string[] = [];
  if (media?.link === "interrupted") notices.push(words.mediaInterrupted);
  if (call.state.kind === "joining" || media?.link === "connecting") notices.push(words.mediaConnecting);
  if (media?.microphoneTrouble) {
    const text = { denied: words.microphoneDenied, missing: words.microphoneMissing, busy: words.microphoneBusy };
    notices.push(text[media.microphoneTrouble]);
  }
  if (media?.cameraTrouble) {
    const text = { denied: words.cameraDenied, missing: words.cameraMissing, busy: words.cameraBusy };
    notices.push(text[media.cameraTrouble]);
  }
  if (call.cameraRefused) notices.push(words.cameraRefused);
  return notices;
}

function Controls({ call, panel, onPanel }: { call: CallView; panel: boolean; onPanel: () => void }) {
  const words = useWords();
  const { media: control } = useApp();
  const media = useMedia();
  const command = useCommand();
  const [adding, setAdding] = useState(false);
  const muted = media?.muted ?? call.muted;
  const camera = media?.camera ?? call.camera;
  const leave = () => {
    void command({ kind: "leaveCall", call: call.id });
    go({ at: "chat", chat: call.chat, before: null });
  };
  const present = call.present.map((person) => person.account);
  return (
    <div className="call-controls">
      <Elapsed call={call} />
      <Switch
        icon={muted ? "microphoneOff" : "microphone"}
        label={muted ? words.unmute : words.mute}
        off={muted}
        onClick={() => control.setMuted(!muted)}
      />
      <Switch
        icon={camera ? "video" : "videoOff"}
        label={camera ? words.turnCameraOff : words.turnCameraOn}
        off={!camera}
        onClick={() => control.setCamera(!camera)}
      />
      <Switch icon="plus" label={words.addPeople} onClick={() => setAdding(true)} />
      <Switch icon="people" label={words.callInfo} pressed={panel} onClick={onPanel} />
      <button type="button" className="button button-danger call-switch" aria-label={words.leaveCall} onClick={leave}>
        <Icon name="hangUp" />
      </button>
      {adding && (
        <AddPeople
          title={words.addPeople}
          present={[...present, ...call.absent.map((person) => person.account)]}
          onAdd={(members) => command({ kind: "addToCall", call: call.id, members })}
          onClose={() => setAdding(false)}
        />
      )}
    </div>
  );
}

type SwitchProps = { icon: IconName; label: string; off?: boolean; pressed?: boolean; onClick: () => void };

function Switch({ icon, label, off = false, pressed, onClick }: SwitchProps) {
  return (
    <button
      type="button"
      className="button call-switch"
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
