// Where a proxy is from, and its fresh addresses: what comes from a contact, and what goes to those with whom it was shared.

import { type FormEvent, useState } from "react";
import { useApp, useCommand } from "../app";
import type { ProxyRow, Renewals } from "../contract";
import { Dialog } from "../parts/Dialog";
import { ProxyLinkField } from "../parts/ProxyLinkField";
import { Toggle } from "../parts/Toggle";
import { useWords } from "../words";

/** “From Anna, renewed 3 days ago”; nothing where there is nothing to say. */
export function RenewalNote({ renewals }: { renewals: Renewals }) {
  const words = useWords();
  const { from, renewed, shared } = renewals;
  const notes = [
    from !== null && words.proxyFrom(from),
    renewed !== null && words.proxyRenewed(words.format.ago(renewed, Date.now())),
    shared > 0 && words.proxySharedWith(shared),
  ].filter((note) => note !== false);
  if (notes.length === 0) return null;
  return <span className="small quiet">{notes.join(" · ")}</span>;
}

type DialogProps = { proxy: ProxyRow; name: string; onClose: () => void };

export function RenewalsDialog({ proxy, name, onClose }: DialogProps) {
  const words = useWords();
  const { toasts } = useApp();
  const command = useCommand();
  const [fresh, setFresh] = useState("");
  const { link, renewals } = proxy;
  const renew = async (event: FormEvent) => {
    event.preventDefault();
    const trouble = await command({ kind: "renewProxy", link, fresh: fresh.trim() });
    if (trouble) return;
    onClose();
    toasts.add({ kind: "done", text: words.proxyRenewedDone });
  };
  return (
    <Dialog title={words.renewProxy(name)} onClose={onClose}>
      <form onSubmit={renew}>
        <ProxyLinkField label={words.freshLink} action={words.replaceLink} link={fresh} onLink={setFresh} />
      </form>
      <Toggle
        label={words.giveRenewals}
        why={words.giveRenewalsWhy}
        on={renewals.gives}
        onChange={(on) => command({ kind: "giveRenewals", link, on })}
      />
      {renewals.from !== null && (
        <Toggle
          label={words.takeRenewals(renewals.from)}
          why={words.takeRenewalsWhy}
          on={renewals.takes}
          onChange={(on) => command({ kind: "takeRenewals", link, on })}
        />
      )}
    </Dialog>
  );
}
