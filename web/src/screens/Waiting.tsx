// Before the first view: starting, no app, or a page that was not opened by the app's link.

import { Brand } from "../parts/Icon";
import { useWords } from "../words";

export type Reason = "starting" | "appGone" | "noSecret";

export function Waiting({ reason }: { reason: Reason }) {
  const words = useWords();
  const title = { starting: `${words.loading}…`, appGone: words.appGone, noSecret: words.noSecret }[reason];
  const why = { starting: null, appGone: words.appGoneWhy, noSecret: words.noSecretWhy }[reason];
  return (
    <main className="alone" id="content" tabIndex={-1} aria-busy={reason === "starting"} data-waiting={reason}>
      <div className="alone-box">
        <Brand />
        <h1>{title}</h1>
        {why && <p className="quiet">{why}</p>}
      </div>
    </main>
  );
}
