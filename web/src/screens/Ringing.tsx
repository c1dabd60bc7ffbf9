// A call rings. Escape ignores it, which tells nobody and leaves joining open.

import { useEffect, useId } from "react";
import { useCommand } from "../app";
import type { Command, Ringing as RingingCall } from "../contract";
import { Avatar } from "../parts/Avatar";
import { useModal } from "../parts/Dialog";
import { Icon } from "../parts/Icon";
import { notify } from "../parts/notify";
import { ring } from "../parts/ring";
import { go } from "../route";
import { useWords } from "../words";

export function Ringing({ ringing }: { ringing: RingingCall }) {
  const words = useWords();
  const command = useCommand();
  const titleId = useId();
  const ref = useModal();
  useEffect(ring, []);
  const { call, fromName, title, video } = ringing;
  const what = video ? words.incomingVideo(fromName) : words.incomingVoice(fromName);
  const where = title === fromName ? "" : words.inChat(title);
  useEffect(() => notify(what, where, call), [what, where, call]);
  const join = async (video: boolean) => {
    const trouble = await command({ kind: "joinCall", call, video });
    if (!trouble) go({ at: "call", call });
  };
  const refuse = (kind: Extract<Command["kind"], "declineCall" | "ignoreCall">) => command({ kind, call });
  return (
    <dialog
      ref={ref}
      className="dialog ringing"
      aria-labelledby={titleId}
      data-ringing={call}
      onCancel={(event) => {
        event.preventDefault();
        void refuse("ignoreCall");
      }}
    >
      {/* The focus begins here and not on a button: who is typing when it rings must not answer by accident. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: see above */}
      <div className="dialog-body" tabIndex={0}>
        <span className="ringing-sign">
          <Avatar id={ringing.fromName} name={ringing.fromName} size="large" />
        </span>
        <h2 id={titleId}>{what}</h2>
        {where !== "" && <p className="quiet">{where}</p>}
        <div className="ringing-answers">
          <button type="button" className="button button-main" onClick={() => join(ringing.video)}>
            <Icon name={ringing.video ? "video" : "calls"} />
            {words.join}
          </button>
          {ringing.video && (
            <button type="button" className="button" onClick={() => join(false)}>
              <Icon name="microphone" />
              {words.joinWithVoice}
            </button>
          )}
          <button type="button" className="button button-danger" onClick={() => refuse("declineCall")}>
            <Icon name="hangUp" />
            {words.decline}
          </button>
          <button type="button" className="button" onClick={() => refuse("ignoreCall")}>
            {words.ignore}
          </button>
        </div>
        <p className="small quiet">{words.ignoreHint}</p>
      </div>
    </dialog>
  );
}
