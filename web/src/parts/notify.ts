// A call on the system's own screen, while this page is hidden. The browser is asked for it only when the person says so.

import { choices, setChoices } from "../media/choices";

export function canNotify(): boolean {
  return typeof Notification !== "undefined";
}

export function notificationsDenied(): boolean {
  return canNotify() && Notification.permission === "denied";
}

/** To be called from a click. */
export async function askToNotify(): Promise<void> {
  const permission = canNotify() ? await Notification.requestPermission() : "denied";
  setChoices({ notifications: permission === "granted", notificationsOffered: true });
}

/** Shown until the returned function is called. A press on it brings the page back. */
export function notify(title: string, body: string, id: string): () => void {
  if (!document.hidden || !choices().notifications || !canNotify() || Notification.permission !== "granted")
    return () => undefined;
  const notification = new Notification(title, { body, tag: id, icon: "/sign.svg", requireInteraction: true });
  notification.onclick = () => {
    window.focus();
    notification.close();
  };
  return () => notification.close();
}
