// The four sections: at the lower edge of a phone, at the side of a wide window.

import { useView } from "../app";
import { go, type Section } from "../route";
import { useWords } from "../words";
import { Brand, Icon } from "./Icon";

const SECTIONS: Section[] = ["chats", "calls", "people", "settings"];

export function Sections({ current }: { current: Section }) {
  const words = useWords();
  const { chats, calls, requests } = useView();
  const news: Record<Section, number> = {
    chats: chats.filter((chat) => chat.unread > 0).length,
    calls: calls.filter((call) => call.state.kind === "running").length,
    people: requests.length,
    settings: 0,
  };
  return (
    <nav className="sections" aria-label={words.mainNavigation}>
      <span className="brand">
        <Brand />
      </span>
      {SECTIONS.map((section) => (
        <button
          key={section}
          type="button"
          className="section-link"
          aria-current={section === current ? "page" : undefined}
          onClick={() => go({ at: section })}
        >
          <Icon name={section} />
          {words[section]}
          {news[section] > 0 && <span className="badge">{words.format.number(news[section])}</span>}
        </button>
      ))}
    </nav>
  );
}
