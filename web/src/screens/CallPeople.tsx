// The info panel of a call: who is in it, who was invited and is not, and the code to compare.

import { useApp, useCommand } from "../app";
import type { Absence, AbsentRow, CallView, PresentRow } from "../contract";
import type { Quality, Report } from "../media/quality";
import { Avatar } from "../parts/Avatar";
import { Code } from "../parts/Code";
import { Icon } from "../parts/Icon";
import { QualitySign } from "../parts/QualitySign";
import { useWords, type Words } from "../words";
import { explainQuality } from "../words/trouble";
import { screenName } from "./ScreenTile";

/** `report`: in the call, how well it goes for each. */
export function CallPeople({ call, report }: { call: CallView; report?: Report | null | undefined }) {
  const words = useWords();
  return (
    <>
      {call.present.length > 0 && (
        <section aria-label={words.inTheCall}>
          <h2 className="list-heading">{words.inTheCall}</h2>
          <ul>
            {call.present.map((person) => (
              <Present
                key={`${person.account} ${person.leaf}`}
                person={person}
                quality={(person.me ? report?.own : report?.people.get(person.leaf)) ?? null}
              />
            ))}
          </ul>
        </section>
      )}
      {call.ghosts.length > 0 && (
        <section aria-label={words.ghosts}>
          <h2 className="list-heading">{words.ghosts}</h2>
          <p className="warning small">{words.ghostsWhy}</p>
          <ul>
            {call.ghosts.map((ghost) => (
              <li key={ghost.participant} className="row" data-ghost={ghost.participant}>
                <Icon name="warning" />
                <span className="row-text cut" dir="auto">
                  {ghost.name ?? words.ghostUnknown}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {call.absent.length > 0 && (
        <section aria-label={words.notInTheCall}>
          <h2 className="list-heading">{words.notInTheCall}</h2>
          <ul>
            {call.absent.map((person) => (
              <Absent key={person.account} call={call} person={person} />
            ))}
          </ul>
        </section>
      )}
      {call.code !== null && (
        <section className="call-code" aria-label={words.callCode} data-call-code>
          <h2 className="list-heading">{words.callCode}</h2>
          <Code code={call.code} />
          <p className="small quiet">{words.callCodeWhy}</p>
        </section>
      )}
    </>
  );
}

function Present({ person, quality }: { person: PresentRow; quality: Quality | null }) {
  const words = useWords();
  const hints = [words.since(words.format.time(person.since)), person.byProxy && words.byProxy].filter(Boolean);
  const why = quality && explainQuality(quality, person.me ? null : person.name, words);
  return (
    <li className="row has-reasons" data-present={person.account}>
      <Avatar id={person.account} name={person.name} size="small" />
      <span className="row-text">
        <span className="cut" dir="auto">
          {person.me ? words.you : person.name}
        </span>
        <span className="small quiet cut">{hints.join(" · ")}</span>
      </span>
      {person.hand !== null && <Sign icon="hand" text={words.handRaised} />}
      {quality && <QualitySign quality={quality} name={person.me ? null : person.name} />}
      {person.muted && <Sign icon="microphoneOff" text={words.muted} />}
      {person.video && <Sign icon="video" text={words.videoCall} />}
      {person.screen && <Sign icon="screen" text={screenName(person, words)} />}
      {person.warning && <span className="small quality-why">{words.warningNotShown}</span>}
      {why && <span className="small quality-why">{why}</span>}
    </li>
  );
}

function Sign({ icon, text }: { icon: "microphoneOff" | "video" | "screen" | "hand"; text: string }) {
  return (
    <span className="quiet" title={text}>
      <Icon name={icon} />
      <span className="hidden">{text}</span>
    </span>
  );
}

function Absent({ call, person }: { call: CallView; person: AbsentRow }) {
  const words = useWords();
  const command = useCommand();
  const { toasts } = useApp();
  const canRing = call.state.kind === "in" && person.answer !== "ringing";
  const ring = async () => {
    const trouble = await command({ kind: "ringAgain", call: call.id, account: person.account });
    if (!trouble) toasts.add({ kind: "done", text: words.ringsAgain(person.name) });
  };
  return (
    <li className="row is-absent" data-absent={person.account} data-answer={person.answer}>
      <Avatar id={person.account} name={person.name} size="small" />
      <span className="row-text">
        <span className="cut" dir="auto">
          {person.name}
        </span>
        <span className="small quiet">{answerOf(person.answer, words)}</span>
      </span>
      {canRing && (
        <button
          type="button"
          className="button button-icon"
          aria-label={words.ringAgainAt(person.name)}
          title={words.ringAgain}
          onClick={ring}
        >
          <Icon name="calls" />
        </button>
      )}
    </li>
  );
}

function answerOf(answer: Absence, words: Words): string {
  switch (answer) {
    case "invited":
      return words.absentInvited;
    case "ringing":
      return words.absentRinging;
    case "missed":
      return words.absentMissed;
    case "declined":
      return words.absentDeclined;
    case "left":
      return words.absentLeft;
  }
}
