// The start link's secret: the app opens the page as /#<secret>. It moves out of the address bar and stays for this tab only.

const STORED = "umweg.secret";

export function takeSecret(where: Location, history: History, storage: Storage): string | null {
  const given = where.hash.slice(1);
  if (given === "") return storage.getItem(STORED);
  keepSecret(given, storage);
  history.replaceState(history.state, "", where.pathname);
  return given;
}

/** For when this page is loaded again. */
export function keepSecret(secret: string, storage: Storage): void {
  storage.setItem(STORED, secret);
}
