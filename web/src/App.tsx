// Which screen is shown: by what the app says, and by where the person is.

import { type ReactNode, useEffect } from "react";
import { useApp, useLinkState, useMedia, useView } from "./app";
import type { View } from "./contract";
import { Announcer } from "./parts/Announcer";
import { Empty } from "./parts/Empty";
import { Icon } from "./parts/Icon";
import { OwnCall } from "./parts/OwnCall";
import { Sections } from "./parts/Sections";
import { ToastHost } from "./parts/ToastHost";
import { go, isList, lookOf, type Route, sectionOf, useRoute } from "./route";
import { Call } from "./screens/Call";
import { CallSettings } from "./screens/CallSettings";
import { Calls } from "./screens/Calls";
import { ChatList } from "./screens/ChatList";
import { AppearanceChoice, LanguageChoice } from "./screens/Choices";
import { Conversation } from "./screens/Conversation";
import { Invite } from "./screens/Invite";
import { NewGroup } from "./screens/NewGroup";
import { People } from "./screens/People";
import { Profile } from "./screens/Profile";
import { Proxies } from "./screens/Proxies";
import { Ringing } from "./screens/Ringing";
import { Settings } from "./screens/Settings";
import { StartCall } from "./screens/StartCall";
import { Waiting } from "./screens/Waiting";
import { Welcome } from "./screens/Welcome";
import { useWords } from "./words";

export function App() {
  const { phase, view } = useLinkState();
  useTitle(view);
  if (phase === "refused") return <Waiting reason="noSecret" />;
  if (!view) return <Waiting reason={phase === "lost" ? "appGone" : "starting"} />;
  return (
    <>
      <Screens view={view} />
      {view.ringing && <Ringing key={view.ringing.call} ringing={view.ringing} />}
      <ToastHost />
      <Announcer />
    </>
  );
}

/** Unread conversations stand in the tab. */
function useTitle(view: View | null): void {
  const { format } = useWords();
  const unread = view?.chats.filter((chat) => chat.unread > 0).length ?? 0;
  useEffect(() => {
    document.title = unread > 0 ? `(${format.number(unread)}) Umweg` : "Umweg";
  }, [unread, format]);
}

function Screens({ view }: { view: View }) {
  const route = useRoute();
  useLook(route);
  useFollowOwnCall(view, route);
  useFocusFollows(view, route);
  if (!view.me) return <BeforeAccount route={route} />;
  switch (route.at) {
    case "call":
      return (
        <CallWindow>
          <Call id={route.call} />
        </CallWindow>
      );
    case "startCall":
      return (
        <CallWindow>
          <StartCall chat={route.chat} video={route.video} />
        </CallWindow>
      );
    default:
      return <Shell route={route} />;
  }
}

/** Only the road can be chosen before there is an account. */
function BeforeAccount({ route }: { route: Route }) {
  if (route.at !== "proxies") return <Welcome />;
  return (
    <main className="shell-alone detail" id="content" tabIndex={-1}>
      <Proxies />
    </main>
  );
}

function CallWindow({ children }: { children: ReactNode }) {
  return (
    <div className="call-window">
      <div>
        <Lost />
        <OwnCall />
      </div>
      {children}
    </div>
  );
}

function Shell({ route }: { route: Route }) {
  const words = useWords();
  const section = sectionOf(route);
  return (
    <div className="shell" data-list={isList(route)}>
      <button type="button" className="skip" onClick={focusContent}>
        {words.skipToContent}
      </button>
      <div className="strip">
        <Lost />
        <OwnCall />
      </div>
      <Sections current={section} />
      <main className="page" id="content" tabIndex={-1}>
        <section className="list" aria-label={words[section]}>
          <List route={route} />
        </section>
        <section className="detail">
          <Detail route={route} />
        </section>
      </main>
    </div>
  );
}

/** Not by a link: the address stays as it is. */
function focusContent(): void {
  document.getElementById("content")?.focus();
}

function List({ route }: { route: Route }) {
  switch (sectionOf(route)) {
    case "chats":
      return <ChatList />;
    case "people":
      return <People />;
    case "calls":
      return <Calls />;
    case "settings":
      return <Settings />;
  }
}

function Detail({ route }: { route: Route }) {
  const words = useWords();
  const { chat } = useView();
  switch (route.at) {
    case "chat":
      return chat?.id === route.chat ? (
        <Conversation key={chat.id} chat={chat} />
      ) : (
        <p className="detail-wait">{words.loading}…</p>
      );
    case "chats":
      return <Empty icon="chats" title={words.chooseChat} why={words.chooseChatWhy} />;
    case "newGroup":
      return <NewGroup />;
    case "people":
    case "invite":
      return <Invite />;
    case "calls":
    case "call":
    case "startCall":
      return <Empty icon="calls" title={words.chooseCall} why={words.chooseCallWhy} />;
    case "settings":
    case "proxies":
      return <Proxies />;
    case "profile":
      return <Profile />;
    case "callSettings":
      return <CallSettings />;
    case "language":
      return <LanguageChoice />;
    case "appearance":
      return <AppearanceChoice />;
  }
}

/** The app is gone: what is shown is of before. */
function Lost() {
  const words = useWords();
  const { phase } = useLinkState();
  return (
    <div role="status">
      {phase === "lost" && (
        <p className="strip-line">
          <Icon name="broken" />
          {words.appLost}
        </p>
      )}
    </div>
  );
}

/** A list vanishes on a phone, and a lobby with its call's beginning: the keyboard goes on in what came in the place of what was pressed. */
function useFocusFollows({ call }: View, route: Route): void {
  const shown = JSON.stringify([route, call?.id, call?.state.kind]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever something else is shown
  useEffect(() => {
    const frame = requestAnimationFrame(() => {
      const lost = document.activeElement === document.body || document.activeElement?.checkVisibility?.() === false;
      if (lost) document.getElementById("content")?.focus();
    });
    return () => cancelAnimationFrame(frame);
  }, [shown]);
}

/** The app sends what this page looks at. */
function useLook(route: Route): void {
  const { link } = useApp();
  const { chat, before, call } = lookOf(route);
  useEffect(() => link.look({ chat, before, call }), [link, chat, before, call]);
}

/** A call that this page has just started or joined comes to the front, once. */
function useFollowOwnCall(view: View, route: Route): void {
  const { link } = useApp();
  const media = useMedia();
  const entered = media && view.call?.id === media.call ? media.call : null;
  const at = route.at;
  // biome-ignore lint/correctness/useExhaustiveDependencies: only entering a call moves the person, not what is looked at later
  useEffect(() => {
    if (entered !== null && at !== "call") go({ at: "call", call: entered });
  }, [link, entered]);
}
