// The info panel of a call: who is in it, who was invited and is not, and the code to compare.

import type { Absence, AbsentRow, CallView, PresentRow } from "../contract";
import { Avatar } from "../parts/Avatar";
import { Icon } from "../parts/Icon";
import { useWords, type Words } from "../words";

export function CallPeople({ call }: { call: CallView }) {
  const words = useWords();
  return (
    <>
      {call.present.length > 0 && (
        <section aria-label={words.inTheCall}>
          <h2 className="list-heading">{words.inTheCall}</h2>
          <ul>
            {call.present.map((person) => (
              <Present key={`${person.account} ${person.leaf}`} person={person} />
            ))}
          </ul>
        </section>
      )}
      {call.absent.length > 0 && (
        <section aria-label={words.notInTheCall}>
          <h2 className="list-heading">{words.notInTheCall}</h2>
          <ul>
            {call.absent.map((person) => (
              <Absent key={person.account} person={person} />
            ))}
          </ul>
        </section>
      )}
      {call.code !== null && (
        <section className="call-code" aria-label={words.callCode}>
          <h2 className="list-heading">{words.callCode}</h2>
          <p className="code" dir="ltr" data-call-code>
            {words.format.digits(call.code)}
          </p>
          <p className="small quiet">{words.callCodeWhy}</p>
        </section>
      )}
    </>
  );
}

function Present({ person }: { person: PresentRow }) {
  const words = useWords();
  const hints = [words.since(words.format.time(person.since)), person.byProxy && words.byProxy].filter(Boolean);
  return (
    <li className="row" data-present={person.account}>
      <Avatar id={person.account} name={person.name} size="small" />
      <span className="row-text">
        <span className="cut" dir="auto">
          {person.me ? words.you : person.name}
        </span>
        <span className="small quiet cut">{hints.join(" · ")}</span>
      </span>
      {person.muted && <Sign icon="microphoneOff" text={words.muted} />}
      {person.video && <Sign icon="video" text={words.videoCall} />}
    </li>
  );
}

function Sign({ icon, text }: { icon: "microphoneOff" | "video"; text: string }) {
  return (
    <span className="quiet" title={text}>
      <Icon name={icon} />
      <span className="hidden">{text}</span>
    </span>
  );
}

function Absent({ person }: { person: AbsentRow }) {
  const words = useWords();
  return (
    <li className="row is-absent" data-absent={person.account} data-answer={person.answer}>
      <Avatar id={person.account} name={person.name} size="small" />
      <span className="row-text">
        <span className="cut" dir="auto">
          {person.name}
        </span>
        <span className="small quiet">{answerOf(person.answer, words)}</span>
      </span>
    </li>
  );
}

function answerOf(answer: Absence, words: Words): string {
  switch (answer) {
    case "invited":
      return words.absentInvited;
    case "declined":
      return words.absentDeclined;
    case "left":
      return words.absentLeft;
  }
}
