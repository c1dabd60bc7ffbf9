// Puts the parts together: the link to the app, the media engine, the screens.

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { AppContext, type App as Parts } from "./app";
import { openSocket, SocketLink } from "./link/link";
import { Secrets } from "./link/proof";
import { keepSecret, takeSecret } from "./link/secret";
import { MediaEngine } from "./media/engine";
import { Localized } from "./parts/Localized";
import { apply } from "./preferences";
import { Waiting } from "./screens/Waiting";
import "./styles";
import { Toasts } from "./toasts";

declare global {
  interface Window {
    /** For tests and for somebody who wonders: counts of the call's media, and the microphone's newest frame as it leaves, sealed. */
    umweg?: Pick<MediaEngine, "stats" | "lastSealed">;
  }
}

apply();
const root = createRoot(document.getElementById("root") ?? document.body);
const secret = takeSecret(location, history, sessionStorage);
root.render(<StrictMode>{secret === null ? withoutSecret() : withApp(connect(secret))}</StrictMode>);

function connect(secret: string): Parts {
  const toasts = new Toasts();
  const secrets = new Secrets(secret, (start) => keepSecret(start, sessionStorage));
  const link = new SocketLink(
    () => openSocket(secrets),
    // An offer that the app refuses, or a browser that cannot: the person is told, the call's page stays.
    (event) => engine.handleEvent(event).catch(() => toasts.add({ kind: "trouble", trouble: { kind: "media" } })),
  );
  const engine = new MediaEngine(link.command, (lost) => toasts.add({ kind: "lost", lost }));
  link.subscribe(() => {
    const { phase, view } = link.state();
    if (phase === "open" && view) engine.handleView(view);
  });
  window.umweg = { stats: () => engine.stats(), lastSealed: () => engine.lastSealed() };
  return { link, toasts, media: engine };
}

function withApp(parts: Parts) {
  return (
    <AppContext value={parts}>
      <Localized>
        <App />
      </Localized>
    </AppContext>
  );
}

function withoutSecret() {
  return (
    <Localized>
      <Waiting reason="noSecret" />
    </Localized>
  );
}
