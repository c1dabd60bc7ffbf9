// About a conversation: the safety code of two people, or a group's members and name.

import { useState } from "react";
import { useApp, useCommand, useView } from "../app";
import type { ChatView, MemberRow } from "../contract";
import { AddPeople } from "../parts/AddPeople";
import { Avatar } from "../parts/Avatar";
import { Code } from "../parts/Code";
import { Confirm, Dialog } from "../parts/Dialog";
import { Icon } from "../parts/Icon";
import { useWords } from "../words";

export function Details({ chat, onClose }: { chat: ChatView; onClose: () => void }) {
  const words = useWords();
  return (
    <Dialog title={words.details} onClose={onClose}>
      {chat.standing.kind === "oneToOne" ? (
        <OneToOne chat={chat} account={chat.standing.account} />
      ) : (
        <Group chat={chat} onLeft={onClose} />
      )}
    </Dialog>
  );
}

function OneToOne({ chat, account }: { chat: ChatView; account: string }) {
  const words = useWords();
  const command = useCommand();
  const { contacts } = useView();
  const verified = chat.members.some((member) => member.account === account && member.verified);
  const blocked = contacts.some((contact) => contact.account === account && contact.standing === "blocked");
  return (
    <>
      <section className="card">
        <h3>{words.safetyCode}</h3>
        {chat.safetyCode && <Code code={chat.safetyCode} />}
        <p className="small quiet">{words.safetyCodeWhy(chat.title)}</p>
        <div className="row-of-buttons">
          <button
            type="button"
            className={verified ? "button" : "button button-main"}
            onClick={() => command({ kind: "verify", account, verified: !verified })}
          >
            <Icon name={verified ? "close" : "shield"} />
            {verified ? words.markUnverified : words.markVerified}
          </button>
        </div>
      </section>
      <BlockButton account={account} blocked={blocked} />
    </>
  );
}

export function BlockButton({ account, blocked }: { account: string; blocked: boolean }) {
  const words = useWords();
  const { toasts } = useApp();
  const command = useCommand();
  const block = async () => {
    const trouble = await command({ kind: "block", account, blocked: !blocked });
    if (trouble || blocked) return;
    toasts.add({
      kind: "done",
      text: words.blocked,
      undo: () => void command({ kind: "block", account, blocked: false }),
    });
  };
  return (
    <button type="button" className={blocked ? "button button-plain" : "button button-plain is-danger"} onClick={block}>
      {blocked ? words.unblock : words.block}
    </button>
  );
}

function Group({ chat, onLeft }: { chat: ChatView; onLeft: () => void }) {
  const words = useWords();
  const command = useCommand();
  const [adding, setAdding] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const active = chat.standing.kind === "group";
  const leave = async () => {
    const trouble = await command({ kind: "leaveGroup", chat: chat.id });
    if (!trouble) onLeft();
  };
  return (
    <>
      {active && <GroupName chat={chat} />}
      <section>
        <h3 className="field-label">{words.membersTitle}</h3>
        <ul>
          {chat.members.map((member) => (
            <Member key={member.account} chat={chat.id} member={member} removable={active && !member.me} />
          ))}
        </ul>
      </section>
      {active && (
        <div className="row-of-buttons">
          <button type="button" className="button" onClick={() => setAdding(true)}>
            <Icon name="plus" />
            {words.addMembers}
          </button>
          <button type="button" className="button button-plain is-danger" onClick={() => setLeaving(true)}>
            {words.leaveGroup}
          </button>
        </div>
      )}
      {adding && (
        <AddPeople
          title={words.addMembers}
          present={chat.members.map((member) => member.account)}
          onAdd={(members) => command({ kind: "addMembers", chat: chat.id, members })}
          onClose={() => setAdding(false)}
        />
      )}
      {leaving && (
        <Confirm
          title={words.leaveGroup}
          why={words.leaveGroupWhy}
          action={words.leave}
          onConfirm={leave}
          onClose={() => setLeaving(false)}
        />
      )}
    </>
  );
}

function GroupName({ chat }: { chat: ChatView }) {
  const words = useWords();
  const command = useCommand();
  const [name, setName] = useState(chat.title);
  return (
    <form
      className="field"
      onSubmit={(event) => {
        event.preventDefault();
        void command({ kind: "renameGroup", chat: chat.id, name });
      }}
    >
      <label htmlFor="group-name">{words.groupName}</label>
      <div className="field-line">
        <input
          id="group-name"
          className="input"
          dir="auto"
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="button" disabled={name.trim() === "" || name === chat.title}>
          {words.rename}
        </button>
      </div>
    </form>
  );
}

function Member({ chat, member, removable }: { chat: string; member: MemberRow; removable: boolean }) {
  const words = useWords();
  const command = useCommand();
  const [removing, setRemoving] = useState(false);
  return (
    <li className="row">
      <Avatar id={member.account} name={member.name} size="small" />
      <span className="row-text">
        <span className="cut" dir="auto">
          {member.me ? words.you : member.name}
        </span>
        {member.verified && <span className="small quiet">{words.verified}</span>}
      </span>
      {removable && (
        <button
          type="button"
          className="button button-icon"
          aria-label={words.removeMember(member.name)}
          onClick={() => setRemoving(true)}
        >
          <Icon name="remove" />
        </button>
      )}
      {removing && (
        <Confirm
          title={words.removeMember(member.name)}
          why={words.removeMemberWhy(member.name)}
          action={words.remove}
          onConfirm={() => void command({ kind: "removeMember", chat, account: member.account })}
          onClose={() => setRemoving(false)}
        />
      )}
    </li>
  );
}
