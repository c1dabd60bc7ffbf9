// English, room by room.

import type { Format } from "../format";
import { app } from "./app";
import { calls } from "./calls";
import { chats } from "./chats";
import { roads } from "./roads";

export const en = (format: Format) => ({ ...app(format), ...chats(format), ...calls(format), ...roads(format) });

export type Catalogue = ReturnType<typeof en>;
