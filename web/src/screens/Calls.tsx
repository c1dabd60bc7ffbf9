// All calls: the running ones, which can be joined, and those that are over.

import { useChoices, useView } from "../app";
import type { CallRow } from "../contract";
import { setChoices } from "../media/choices";
import { moveAlongRows } from "../parts/arrow-keys";
import { useNow } from "../parts/clock";
import { ListHead } from "../parts/Detail";
import { Empty } from "../parts/Empty";
import { Icon } from "../parts/Icon";
import { askToNotify, canNotify, notificationsDenied } from "../parts/notify";
import { go, useRoute } from "../route";
import { useWords } from "../words";
import { JoinButton } from "./ChatList";

export function Calls() {
  const words = useWords();
  const { calls } = useView();
  const running = calls.filter((call) => call.state.kind !== "ended");
  const past = calls.filter((call) => call.state.kind === "ended");
  return (
    <>
      <ListHead title={words.calls} />
      <div className="list-body">
        <OfferNotifications />
        <Rows title={words.runningCalls} calls={running} />
        <Rows title={words.pastCalls} calls={past} />
        {calls.length === 0 && <Empty icon="calls" title={words.noCalls} why={words.noCallsWhy} />}
      </div>
    </>
  );
}

/** Asked where one looks at calls, and once: not by a window of the browser's at the first visit. */
function OfferNotifications() {
  const words = useWords();
  const { notificationsOffered } = useChoices();
  const { calls } = useView();
  if (notificationsOffered || !canNotify() || notificationsDenied() || calls.length === 0) return null;
  return (
    <section className="card offer" aria-label={words.systemNotifications}>
      <p>{words.notifyOffer}</p>
      <div className="row-of-buttons">
        <button type="button" className="button button-main" onClick={() => askToNotify()}>
          {words.notifyYes}
        </button>
        <button type="button" className="button" onClick={() => setChoices({ notificationsOffered: true })}>
          {words.notNow}
        </button>
      </div>
    </section>
  );
}

function Rows({ title, calls }: { title: string; calls: CallRow[] }) {
  if (calls.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2 className="list-heading">{title}</h2>
      <ul onKeyDown={moveAlongRows}>
        {calls.map((call) => (
          <Row key={call.id} call={call} />
        ))}
      </ul>
    </section>
  );
}

function Row({ call }: { call: CallRow }) {
  const words = useWords();
  const route = useRoute();
  const now = useNow(60_000);
  const missed = call.state.kind === "ended" && call.state.missed;
  const joinable = call.state.kind === "running" || call.state.kind === "ringing";
  return (
    <li
      className="row"
      data-call={call.id}
      data-state={call.state.kind}
      data-current={route.at === "call" && route.call === call.id}
    >
      <button type="button" className="row-open" data-row onClick={() => go({ at: "call", call: call.id })}>
        <span className={missed ? "call-sign is-missed" : "call-sign"}>
          <Icon name={call.video ? "video" : "calls"} />
        </span>
        <span className="row-text">
          <span className="row-title cut" dir="auto">
            {call.title}
          </span>
          <span className="small quiet cut">
            {stateOf(call, words)} · {words.format.moment(call.started, now)}
            {call.seconds !== null && call.seconds > 0 && ` · ${words.format.duration(call.seconds * 1_000)}`}
          </span>
          {call.with.length > 0 && <span className="small quiet two-lines">{words.callWith(call.with)}</span>}
        </span>
      </button>
      {joinable && <JoinButton call={call.id} title={call.title} />}
    </li>
  );
}

function stateOf({ state, outgoing }: CallRow, words: ReturnType<typeof useWords>): string {
  switch (state.kind) {
    case "ringing":
      return words.callRinging;
    case "running":
      return words.callRunning;
    case "joining":
      return words.callJoining;
    case "in":
      return words.callIn;
    case "ended":
      if (state.missed) return words.missed;
      return outgoing ? words.outgoing : words.incoming;
  }
}
