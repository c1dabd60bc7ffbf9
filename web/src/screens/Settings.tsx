// Settings: what can be set, each with its present value.

import { useChoices, useView } from "../app";
import type { ProxyUse } from "../contract";
import { moveAlongRows } from "../parts/arrow-keys";
import { ListHead } from "../parts/Detail";
import { Icon, type IconName } from "../parts/Icon";
import { type Theme, usePreferences } from "../preferences";
import { go, type Route, useRoute } from "../route";
import { LANGUAGE_NAMES, useWords, type Words } from "../words";

export function Settings() {
  const words = useWords();
  const { me, proxyUse } = useView();
  const { language, theme } = usePreferences();
  const { ringtone } = useChoices();
  return (
    <>
      <ListHead title={words.settings} />
      <div className="list-body">
        <ul>
          <Item to={{ at: "profile" }} icon="person" title={words.profile} value={me?.name ?? ""} />
        </ul>
        <h2 className="list-heading">{words.storageAndData}</h2>
        <ul>
          <Item to={{ at: "proxies" }} icon="detour" title={words.proxy} value={proxyUseName(proxyUse, words)} />
        </ul>
        <h2 className="list-heading">{words.calls}</h2>
        <ul>
          <Item
            to={{ at: "callSettings" }}
            icon="calls"
            title={words.callSettings}
            value={`${words.ringtone}: ${ringtone ? words.on : words.off}`}
          />
        </ul>
        <h2 className="list-heading">{words.appearance}</h2>
        <ul onKeyDown={moveAlongRows}>
          <Item
            to={{ at: "language" }}
            icon="globe"
            title={words.language}
            value={language === null ? words.systemLanguage : LANGUAGE_NAMES[language]}
          />
          <Item to={{ at: "appearance" }} icon="appearance" title={words.appearance} value={themeName(theme, words)} />
        </ul>
      </div>
    </>
  );
}

function Item({ to, icon, title, value }: { to: Route; icon: IconName; title: string; value: string }) {
  const current = useRoute().at === to.at;
  return (
    <li className="row" data-current={current}>
      <button
        type="button"
        className="row-open"
        data-row
        aria-current={current ? "true" : undefined}
        onClick={() => go(to)}
      >
        <Icon name={icon} />
        <span className="row-text">
          <span className="row-title">{title}</span>
          <span className="small quiet cut" dir="auto">
            {value}
          </span>
        </span>
        <Icon name="chevron" />
      </button>
    </li>
  );
}

export function proxyUseName(use: ProxyUse, words: Words): string {
  switch (use) {
    case "whenBlocked":
      return words.whenBlocked;
    case "always":
      return words.always;
    case "never":
      return words.never;
  }
}

export function themeName(theme: Theme, words: Words): string {
  switch (theme) {
    case "system":
      return words.themeSystem;
    case "light":
      return words.themeLight;
    case "dark":
      return words.themeDark;
  }
}
