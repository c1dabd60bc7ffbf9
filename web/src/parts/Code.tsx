// Groups of digits that people compare by reading them aloud.

import { useWords } from "../words";

/** Three groups a line, left to right in every language: the other screen shows them so, too. */
export function Code({ code }: { code: string }) {
  const { format } = useWords();
  return (
    <p className="code" dir="ltr">
      {code.split(/\s+/).map((group, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: groups may repeat, and never change place
        <span key={at}>{format.digits(group)} </span>
      ))}
    </p>
  );
}
