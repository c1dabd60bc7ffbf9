// Words for everything that the app can refuse, and the rest of the sentence where the app gives a reason in English.

import type { Trouble } from "../link/link";
import type { Words } from ".";

export type Explained = { text: string; detail: string | null };

export function explain(trouble: Trouble, words: Words): Explained {
  switch (trouble.kind) {
    case "wrongLink":
      return { text: words.errorWrongLink, detail: trouble.reason };
    case "ours":
      return { text: words.errorOurs, detail: trouble.what };
    default:
      return { text: sentence(trouble, words), detail: null };
  }
}

function sentence(trouble: Exclude<Trouble, { kind: "wrongLink" | "ours" }>, words: Words): string {
  switch (trouble.kind) {
    case "noAccount":
      return words.errorNoAccount;
    case "accountExists":
      return words.errorAccountExists;
    case "otherService":
      return words.errorOtherService;
    case "ownLink":
      return words.errorOwnLink;
    case "unknown":
      return words.errorUnknown;
    case "empty":
      return words.errorEmpty;
    case "tooLong":
      return words.errorTooLong(trouble.max);
    case "tooMany":
      return words.errorTooMany(trouble.max);
    case "notAMember":
      return words.errorNotAMember;
    case "alreadyInACall":
      return words.errorAlreadyInACall;
    case "callOver":
      return words.errorCallOver;
    case "notAContact":
      return words.errorNotAContact(trouble.names);
    case "diskFull":
      return words.errorDiskFull;
    case "media":
      return words.errorMedia;
    case "unanswered":
      return words.errorUnanswered;
  }
}
