// فارسی.

import type { Catalogue } from "../en";
import type { Format } from "../format";
import { app } from "./app";
import { calls } from "./calls";
import { chats } from "./chats";
import { roads } from "./roads";

export const fa = (format: Format): Catalogue => ({
  ...app(format),
  ...chats(format),
  ...calls(format),
  ...roads(format),
});
