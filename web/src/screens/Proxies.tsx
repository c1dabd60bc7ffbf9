// Storage and data → Proxy: which road is used now, when proxies are used, and the proxies themselves.

import { type FormEvent, useState } from "react";
import { useApp, useCommand, useView } from "../app";
import type { BitesUse, ProxyRow, ProxyStanding, ProxyUse, RoadState } from "../contract";
import { Sheet } from "../parts/Detail";
import { Dialog } from "../parts/Dialog";
import { Empty } from "../parts/Empty";
import { Icon } from "../parts/Icon";
import { LinkCard } from "../parts/LinkCard";
import { ProxyLinkField } from "../parts/ProxyLinkField";
import { FreezeOffer, RoadPlate, whyOf } from "../parts/RoadSign";
import { useWords, type Words } from "../words";
import { explainRoad } from "../words/trouble";
import { RadioGroup } from "./Choices";
import { RenewalNote, RenewalsDialog } from "./ProxyRenewals";
import { proxyUseName } from "./Settings";

const USES: ProxyUse[] = ["whenBlocked", "always", "never"];
const BITES: BitesUse[] = ["whenFrozen", "always", "never"];

export function Proxies() {
  const words = useWords();
  const command = useCommand();
  const { road, proxies, proxyUse, bitesUse } = useView();
  return (
    <Sheet title={words.proxy} road={false}>
      <RoadNow road={road} />
      <h2>{words.whenToUse}</h2>
      <RadioGroup
        legend={words.whenToUse}
        options={USES.map((value) => ({ value, label: proxyUseName(value, words) }))}
        chosen={proxyUse}
        onChoose={(when) => command({ kind: "useProxies", when })}
      />
      <h2>{words.proxies}</h2>
      {proxies.length === 0 ? (
        <Empty icon="detour" title={words.noProxies} why={words.noProxiesWhy} />
      ) : (
        <ul className="card card-rows">
          {proxies.map((proxy) => (
            <ProxyLine key={proxy.link} proxy={proxy} />
          ))}
        </ul>
      )}
      <AddProxy />
      <h2>{words.bites}</h2>
      <p className="small quiet">{words.bitesWhy}</p>
      <RadioGroup
        legend={words.bites}
        options={BITES.map((value) => ({ value, label: bitesUseName(value, words) }))}
        chosen={bitesUse}
        onChoose={(when) => command({ kind: "useBites", when })}
      />
    </Sheet>
  );
}

function bitesUseName(use: BitesUse, words: Words): string {
  return { whenFrozen: words.whenFrozen, always: words.always, never: words.never }[use];
}

function RoadNow({ road }: { road: RoadState }) {
  const words = useWords();
  return (
    <section className="card" aria-label={words.roadTitle}>
      <h2>{words.roadTitle}</h2>
      <p className="road" data-road={road.kind}>
        <RoadPlate road={road} />
      </p>
      <p>{whyOf(road, words)}</p>
      {road.kind === "offline" && road.trouble && <p className="small quiet">{explainRoad(road.trouble, words)}</p>}
      {road.kind === "offline" && road.nextTry !== null && (
        <p className="small quiet">{words.roadNextTry(words.format.time(road.nextTry))}</p>
      )}
      <FreezeOffer />
      <p className="small quiet">{words.proxyWhy}</p>
    </section>
  );
}

function ProxyLine({ proxy }: { proxy: ProxyRow }) {
  const words = useWords();
  const { toasts } = useApp();
  const command = useCommand();
  const [sharing, setSharing] = useState(false);
  const [renewing, setRenewing] = useState(false);
  const name = proxy.name === "" ? proxy.host : proxy.name;
  const remove = async () => {
    const trouble = await command({ kind: "removeProxy", link: proxy.link });
    if (trouble) return;
    const undo = () => void command({ kind: "addProxy", link: proxy.link });
    toasts.add({ kind: "done", text: words.proxyRemoved(name), undo });
  };
  return (
    <li className="proxy" data-proxy={proxy.host} data-standing={proxy.standing.kind}>
      <div className="proxy-text">
        <strong className="cut" dir="auto">
          {name}
        </strong>
        <span className="small quiet cut" dir="ltr">
          {proxy.host}
        </span>
        <RenewalNote renewals={proxy.renewals} />
        <Standing standing={proxy.standing} />
      </div>
      <div className="proxy-actions">
        <button
          type="button"
          className="button"
          aria-label={words.testProxy(name)}
          disabled={proxy.standing.kind === "testing"}
          onClick={() => command({ kind: "testProxy", link: proxy.link })}
        >
          {words.test}
        </button>
        <button
          type="button"
          className="button button-icon"
          aria-label={words.shareProxy(name)}
          onClick={() => setSharing(true)}
        >
          <Icon name="share" />
        </button>
        <button
          type="button"
          className="button button-icon"
          aria-label={words.renewProxy(name)}
          onClick={() => setRenewing(true)}
        >
          <Icon name="again" />
        </button>
        <button type="button" className="button button-icon" aria-label={words.removeProxy(name)} onClick={remove}>
          <Icon name="remove" />
        </button>
      </div>
      {renewing && <RenewalsDialog proxy={proxy} name={name} onClose={() => setRenewing(false)} />}
      {sharing && <Share proxy={proxy} name={name} onClose={() => setSharing(false)} />}
    </li>
  );
}

function Standing({ standing }: { standing: ProxyStanding }) {
  const words = useWords();
  return (
    <span className="small standing" data-standing={standing.kind} role="status">
      {standingName(standing, words)}
      {standing.kind === "failed" && ` · ${explainRoad(standing.trouble, words)}`}
    </span>
  );
}

function standingName(standing: ProxyStanding, words: Words): string {
  switch (standing.kind) {
    case "untried":
      return words.proxyUntried;
    case "testing":
      return words.proxyTesting;
    case "works":
      return words.proxyWorks(standing.ms);
    case "failed":
      return words.proxyFailed;
    case "inUse":
      return words.proxyInUse;
  }
}

/** As a QR code, by the clipboard, or as a message to somebody. */
function Share({ proxy, name, onClose }: { proxy: ProxyRow; name: string; onClose: () => void }) {
  const words = useWords();
  const { toasts } = useApp();
  const { chats } = useView();
  const command = useCommand();
  const [chat, setChat] = useState(chats[0]?.id ?? "");
  const send = async (event: FormEvent) => {
    event.preventDefault();
    const trouble = await command({ kind: "shareProxy", link: proxy.link, chat });
    if (trouble) return;
    onClose();
    toasts.add({ kind: "done", text: words.sent });
  };
  return (
    <Dialog title={words.shareProxy(name)} onClose={onClose}>
      <p className="quiet">{words.shareProxyWhy}</p>
      <LinkCard link={proxy.link} what={name} />
      {chats.length > 0 && (
        <form className="field" onSubmit={send}>
          <label htmlFor="share-to">{words.shareInChat}</label>
          <div className="field-line">
            <select id="share-to" className="input" value={chat} onChange={(event) => setChat(event.target.value)}>
              {chats.map((each) => (
                <option key={each.id} value={each.id}>
                  {each.title}
                </option>
              ))}
            </select>
            <button type="submit" className="button">
              {words.send}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

function AddProxy() {
  const words = useWords();
  const { toasts } = useApp();
  const command = useCommand();
  const [link, setLink] = useState("");
  const add = async (event: FormEvent) => {
    event.preventDefault();
    const trouble = await command({ kind: "addProxy", link: link.trim() });
    if (trouble) return;
    setLink("");
    toasts.add({ kind: "done", text: words.proxyAdded });
  };
  return (
    <form className="card" onSubmit={add}>
      <h2>{words.addProxy}</h2>
      <ProxyLinkField label={words.proxyLink} action={words.add} link={link} onLink={setLink} />
    </form>
  );
}
