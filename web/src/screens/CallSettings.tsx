// Settings of calls: ringing, how one comes in, how sound and picture are treated.

import { useId } from "react";
import { useCaptured, useChoices } from "../app";
import { canBlur } from "../media/blur/blur";
import { type PictureCodec, setChoices } from "../media/choices";
import { picturesSent } from "../media/connection";
import { canClean } from "../media/noise";
import { Sheet } from "../parts/Detail";
import { askToNotify, canNotify, notificationsDenied } from "../parts/notify";
import { Toggle } from "../parts/Toggle";
import { useWords } from "../words";

export function CallSettings() {
  const words = useWords();
  return (
    <Sheet title={words.callSettings}>
      <RingChoices />
      <EntranceChoices />
      <div className="card card-choices">
        <SoundChoices />
        <PictureChoices />
      </div>
    </Sheet>
  );
}

function RingChoices() {
  const words = useWords();
  const { ringtone, notifications } = useChoices();
  const denied = notificationsDenied();
  return (
    <div className="card card-choices">
      <Toggle
        label={words.ringtone}
        why={words.ringtoneWhy}
        on={ringtone}
        onChange={(on) => setChoices({ ringtone: on })}
      />
      {canNotify() && (
        <Toggle
          label={words.systemNotifications}
          why={denied ? words.systemNotificationsDenied : words.systemNotificationsWhy}
          on={notifications && !denied}
          disabled={denied}
          onChange={(on) => (on ? void askToNotify() : setChoices({ notifications: false }))}
        />
      )}
    </div>
  );
}

function EntranceChoices() {
  const words = useWords();
  const { enterMuted, lobbyFirst, shortcuts } = useChoices();
  return (
    <div className="card card-choices">
      <Toggle label={words.enterMuted} on={enterMuted} onChange={(on) => setChoices({ enterMuted: on })} />
      <Toggle
        label={words.lobbyFirst}
        why={words.lobbyFirstWhy}
        on={lobbyFirst}
        onChange={(on) => setChoices({ lobbyFirst: on })}
      />
      <Toggle label={words.shortcutsSetting} on={shortcuts} onChange={(on) => setChoices({ shortcuts: on })} />
    </div>
  );
}

/** What is done about noise; also in the lobby. */
export function NoiseChoices() {
  const words = useWords();
  const { noiseSuppression, strongSuppression } = useChoices();
  const uncleaned = useCaptured()?.uncleaned ?? false;
  const why = uncleaned ? words.strongSuppressionFailed : words.strongSuppressionWhy;
  return (
    <>
      <Toggle
        label={words.noiseSuppression}
        why={words.noiseSuppressionWhy}
        on={noiseSuppression}
        onChange={(on) => setChoices({ noiseSuppression: on })}
      />
      {noiseSuppression && (
        <Toggle
          label={words.strongSuppression}
          why={canClean() ? why : words.browserUnable}
          on={strongSuppression && canClean()}
          disabled={!canClean()}
          onChange={(on) => setChoices({ strongSuppression: on })}
        />
      )}
    </>
  );
}

export function SoundChoices() {
  const words = useWords();
  const { constantRate } = useChoices();
  return (
    <>
      <NoiseChoices />
      <Toggle
        label={words.constantRate}
        why={words.constantRateWhy}
        on={constantRate}
        onChange={(on) => setChoices({ constantRate: on })}
      />
    </>
  );
}

/** Whether the own picture shows where one is; also in the lobby. Who chose not to show it can always change that. */
export function BlurChoice() {
  const words = useWords();
  const { blur } = useChoices();
  return (
    <Toggle
      label={words.blur}
      why={canBlur() ? words.blurWhy : words.browserUnable}
      on={blur}
      disabled={!canBlur() && !blur}
      onChange={(on) => setChoices({ blur: on })}
    />
  );
}

export function PictureChoices() {
  const words = useWords();
  const { voiceOnly, spare, codec } = useChoices();
  const id = useId();
  return (
    <>
      <Toggle
        label={words.voiceOnly}
        why={words.voiceOnlyWhy}
        on={voiceOnly}
        onChange={(on) => setChoices({ voiceOnly: on })}
      />
      <Toggle label={words.spare} why={words.spareWhy} on={spare} onChange={(on) => setChoices({ spare: on })} />
      <BlurChoice />
      {picturesSent().length > 1 && (
        <div className="field choice-field">
          <label htmlFor={id}>{words.pictureCodec}</label>
          <select
            id={id}
            className="input"
            value={codec}
            aria-describedby={`${id}-why`}
            onChange={(event) => setChoices({ codec: event.target.value as PictureCodec })}
          >
            {picturesSent().map((each) => (
              <option key={each} value={each}>
                {each.toUpperCase()}
              </option>
            ))}
          </select>
          <p className="small quiet" id={`${id}-why`}>
            {words.pictureCodecWhy}
          </p>
        </div>
      )}
    </>
  );
}
