// Words for everything that the app can refuse, and for everything that can be in a call's or a road's way.

import type { RoadTrouble, StopReason, WrongLink } from "../contract";
import type { Trouble } from "../link/link";
import type { Lost } from "../media/capture";
import type { CameraTrouble, Device } from "../media/devices";
import type { Grade, Quality } from "../media/quality";
import type { Words } from ".";

export function explain(trouble: Trouble, words: Words): string {
  switch (trouble.kind) {
    case "wrongLink":
      return explainLink(trouble.wrong, words);
    case "ours":
      return words.errorOurs;
    case "noAccount":
      return words.errorNoAccount;
    case "accountExists":
      return words.errorAccountExists;
    case "otherService":
      return words.errorOtherService;
    case "ownLink":
      return words.errorOwnLink;
    case "unknown":
      return words.errorUnknown;
    case "empty":
      return words.errorEmpty;
    case "tooLong":
      return words.errorTooLong(trouble.max);
    case "tooMany":
      return words.errorTooMany(trouble.max);
    case "notAMember":
      return words.errorNotAMember;
    case "alreadyInACall":
      return words.errorAlreadyInACall;
    case "callOver":
      return words.errorCallOver;
    case "notAContact":
      return words.errorNotAContact(trouble.names);
    case "tooSoon":
      return words.errorTooSoon;
    case "diskFull":
      return words.errorDiskFull;
    case "media":
      return words.errorMedia;
    case "unanswered":
      return words.errorUnanswered;
  }
}

export function explainLink(wrong: WrongLink, words: Words): string {
  switch (wrong.kind) {
    case "notALink":
      return words.errorNotALink;
    case "otherKind":
      return words.errorOtherLink(words.linkKind[wrong.got], words.linkKind[wrong.wanted]);
    case "damaged":
      return words.errorDamagedLink;
    case "tooLong":
      return words.errorLongLink;
  }
}

/** Why a road leads nowhere. */
export function explainRoad({ end, why }: RoadTrouble, words: Words): string {
  const name = words.roadEnd[end];
  switch (why) {
    case "notOffered":
      return words.roadNotOffered(name);
    case "noAddress":
      return words.roadNoAddress(name);
    case "closed":
      return words.roadClosed(name);
    case "unreachable":
      return words.roadUnreachable(name);
    case "timedOut":
      return words.roadTimedOut(name);
    case "cut":
      return words.roadCut(name);
    case "wrongPin":
      return words.roadWrongPin(name);
    case "unknownAuthority":
      return words.roadUnknownAuthority(name);
    case "wrongName":
      return words.roadWrongName(name);
    case "clock":
      return words.roadClock(name);
    case "tls":
      return words.roadTls(name);
    case "notOurs":
      return words.roadNotOurs(name);
    case "serviceBehind":
      return words.roadServiceBehind;
    case "wrongKey":
      return words.roadWrongKey;
    case "version":
      return words.roadVersion;
  }
}

/** Why this device is not in a call; null where that needs no words. */
export function explainStop(reason: StopReason, words: Words): string | null {
  switch (reason) {
    case "full":
      return words.stoppedFull;
    case "refused":
      return words.stoppedRefused;
    case "alone":
      return words.stoppedAlone;
    case "moved":
      return words.stoppedMoved;
    case "returning":
      return words.stoppedReturning;
    case "failed":
      return words.stoppedFailed;
    case "left":
    case "over":
      return null;
  }
}

/** Why a microphone or camera is not there, and what to do about it. */
export function explainDevice(device: Device, trouble: CameraTrouble, words: Words): string {
  if (trouble === "unblurred") return words.cameraUnblurred;
  const microphone = { denied: words.microphoneDenied, missing: words.microphoneMissing, busy: words.microphoneBusy };
  const camera = { denied: words.cameraDenied, missing: words.cameraMissing, busy: words.cameraBusy };
  return (device === "microphone" ? microphone : camera)[trouble];
}

/** What happened when a device was unplugged. */
export function explainLost({ device, replaced }: Lost, words: Words): string {
  switch (device) {
    case "microphone":
      return replaced ? words.microphoneReplaced : words.microphoneGone;
    case "camera":
      return replaced ? words.cameraReplaced : words.cameraGone;
    case "speaker":
      return words.speakerReplaced;
  }
}

/** Why the call does not go well; null if it does. `name`: of somebody else. */
export function explainQuality({ grade, reason }: Quality, name: string | null, words: Words): string | null {
  if (grade === "good") return null;
  switch (reason) {
    case "loss":
      return words.qualityLoss;
    case "delay":
      return words.qualityDelay;
    case "theirs":
      return words.qualityTheirs(name ?? words.you);
    case "frozen":
      return words.qualityFrozen;
    case "computer":
      return words.qualityComputer;
    case "pictures":
      return words.qualityPictures;
    case "bandwidth":
      return words.qualityBandwidth;
    case null:
      return null;
  }
}

export function gradeName(grade: Grade, words: Words): string {
  return { good: words.qualityGood, fair: words.qualityFair, poor: words.qualityPoor }[grade];
}
