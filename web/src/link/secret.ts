// The start link's secret: the app opens the page as /#<secret>. It moves out of the address bar and stays for this tab only.

const STORED = "umweg.secret";

export function takeSecret(where: Location, history: History, storage: Storage): string | null {
  const given = where.hash.slice(1);
  if (given === "") return storage.getItem(STORED);
  storage.setItem(STORED, given);
  history.replaceState(history.state, "", where.pathname);
  return given;
}
