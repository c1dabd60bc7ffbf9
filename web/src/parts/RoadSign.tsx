// How the service is reached, always in sight: straight, by a detour, searching, or not at all.

import { useView } from "../app";
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

export function whyOf(road: RoadState, words: Words): string {
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
