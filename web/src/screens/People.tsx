// Who asks, and who was accepted.

import { useApp, useCommand, useView } from "../app";
import type { ContactRow, RequestRow } from "../contract";
import { Avatar } from "../parts/Avatar";
import { moveAlongRows } from "../parts/arrow-keys";
import { ListHead } from "../parts/Detail";
import { Empty } from "../parts/Empty";
import { Icon } from "../parts/Icon";
import { go } from "../route";
import { useWords } from "../words";
import { BlockButton } from "./Details";

export function People() {
  const words = useWords();
  const { requests, contacts } = useView();
  return (
    <>
      <ListHead title={words.people}>
        <button
          type="button"
          className="button button-icon"
          aria-label={words.addSomeone}
          onClick={() => go({ at: "invite" })}
        >
          <Icon name="plus" />
        </button>
      </ListHead>
      <div className="list-body">
        {requests.length > 0 && (
          <section aria-label={words.requests}>
            <h2 className="list-heading">{words.requests}</h2>
            <ul>
              {requests.map((request) => (
                <Request key={request.account} request={request} />
              ))}
            </ul>
          </section>
        )}
        {contacts.length > 0 && (
          <section aria-label={words.contacts}>
            <h2 className="list-heading">{words.contacts}</h2>
            <ul onKeyDown={moveAlongRows}>
              {contacts.map((contact) => (
                <Contact key={contact.account} contact={contact} />
              ))}
            </ul>
          </section>
        )}
        {requests.length + contacts.length === 0 && (
          <Empty icon="people" title={words.noContacts} why={words.noContactsWhy}>
            <button type="button" className="button button-main" onClick={() => go({ at: "invite" })}>
              {words.addSomeone}
            </button>
          </Empty>
        )}
      </div>
    </>
  );
}

function Request({ request }: { request: RequestRow }) {
  const words = useWords();
  const { toasts } = useApp();
  const command = useCommand();
  const decline = async () => {
    const trouble = await command({ kind: "declineRequest", account: request.account });
    if (!trouble) toasts.add({ kind: "done", text: words.requestDeclined(request.name) });
  };
  return (
    <li className="request card" data-request={request.account}>
      <div className="row-line">
        <span className="request-who">
          <Avatar id={request.account} name={request.name} />
          <strong className="cut" dir="auto">
            {request.name}
          </strong>
        </span>
        <time className="small quiet" dateTime={new Date(request.time).toISOString()}>
          {words.format.moment(request.time, Date.now())}
        </time>
      </div>
      {request.text !== "" && (
        <p className="request-text" dir="auto">
          {request.text}
        </p>
      )}
      <div className="row-of-buttons">
        <button
          type="button"
          className="button button-main"
          onClick={() => command({ kind: "acceptRequest", account: request.account })}
        >
          {words.accept}
        </button>
        <button type="button" className="button" onClick={decline}>
          {words.decline}
        </button>
      </div>
    </li>
  );
}

function Contact({ contact }: { contact: ContactRow }) {
  const words = useWords();
  const { chat } = contact;
  const standing = { asked: words.asked, accepted: contact.verified ? words.verified : "", blocked: words.blocked }[
    contact.standing
  ];
  const text = (
    <>
      <Avatar id={contact.account} name={contact.name} />
      <span className="row-text">
        <span className="row-title cut" dir="auto">
          {contact.name}
        </span>
        {standing !== "" && <span className="small quiet cut">{standing}</span>}
      </span>
    </>
  );
  return (
    <li className="row" data-contact={contact.account} data-standing={contact.standing}>
      {chat !== null && contact.standing === "accepted" ? (
        <button type="button" className="row-open" data-row onClick={() => go({ at: "chat", chat, before: null })}>
          {text}
        </button>
      ) : (
        <span className="row-open">{text}</span>
      )}
      {contact.standing === "blocked" && <BlockButton account={contact.account} blocked />}
    </li>
  );
}
