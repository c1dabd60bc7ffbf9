// How the service is reached, always in sight: straight, by a detour, searching, or not at all.

import { useCommand, useView } from "../app";
import type { RoadState } from "../contract";
import { go } from "../route";
import { useWords, type Words } from "../words";
import { Icon, type IconName } from "./Icon";

const SIGNS: Record<RoadState["kind"], IconName> = {
  direct: "direct",
  proxy: "detour",
  connecting: "searching",
  offline: "broken",
};

export function RoadSign() {
  const { road } = useView();
  const words = useWords();
  return (
    <button
      type="button"
      className="road"
      data-road={road.kind}
      onClick={() => go({ at: "proxies" })}
      title={whyOf(road, words)}
    >
      <span className="hidden">{words.roadTitle}: </span>
      <RoadPlate road={road} />
    </button>
  );
}

export function RoadPlate({ road }: { road: RoadState }) {
  const words = useWords();
  return (
    <span className="road-plate">
      <Icon name={SIGNS[road.kind]} />
      <span className="cut">{nameOf(road, words)}</span>
    </span>
  );
}

/** In one connection or in many: only a road that there is has either. */
function inBites(road: RoadState): boolean {
  return "bites" in road && road.bites;
}

export function whyOf(road: RoadState, words: Words): string {
  return inBites(road) ? `${straightWhy(road, words)} ${words.roadInBitesWhy}` : straightWhy(road, words);
}

function straightWhy(road: RoadState, words: Words): string {
  switch (road.kind) {
    case "direct":
      return words.roadDirectWhy;
    case "proxy":
      return words.roadProxyWhy(road.name);
    case "connecting":
      return words.roadConnectingWhy;
    case "offline":
      return words.roadOfflineWhy;
  }
}

function nameOf(road: RoadState, words: Words): string {
  return inBites(road) ? words.roadInBites(straightName(road, words)) : straightName(road, words);
}

function straightName(road: RoadState, words: Words): string {
  switch (road.kind) {
    case "direct":
      return words.roadDirect;
    case "proxy":
      return words.roadProxy(road.name);
    case "connecting":
      return words.roadConnecting;
    case "offline":
      return words.roadOffline;
  }
}

/** Where connections are frozen: the switch to small bites, with one press. `onlyIfOff`: not where they are taken anyway. */
export function FreezeOffer({ onlyIfOff = false }: { onlyIfOff?: boolean }) {
  const words = useWords();
  const command = useCommand();
  const { freezes, bitesUse } = useView();
  const never = bitesUse === "never";
  if (!freezes || bitesUse === "always" || (onlyIfOff && !never)) return null;
  return (
    <p className="freezes small" role="status">
      <span>{never ? words.freezesNever : `${words.freezes} ${words.freezesAuto}`}</span>
      <button
        type="button"
        className="button"
        onClick={() => command({ kind: "useBites", when: never ? "whenFrozen" : "always" })}
      >
        {never ? words.bitesHere : words.bitesAlways}
      </button>
    </p>
  );
}

/** Before a call and in it: why it does not get through. */
export function CallInBites() {
  const words = useWords();
  const { road } = useView();
  if (!inBites(road)) return null;
  return (
    <div className="call-notices" role="status">
      <p>{words.callInBites}</p>
    </div>
  );
}
