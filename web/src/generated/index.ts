// Mirrors pure/client/src/{view,command,port}.rs.

export type ProxyUse = "whenBlocked" | "always" | "never";
export type Progress = "waiting" | "sent" | "delivered" | "read";
export type Absence = "invited" | "declined" | "left";
export type ContactStanding = "asked" | "accepted" | "blocked";

export type RoadState =
  | { kind: "offline"; reason: string | null; nextTry: number | null }
  | { kind: "connecting" }
  | { kind: "direct" }
  | { kind: "proxy"; name: string };
export type Standing =
  | { kind: "oneToOne"; account: string }
  | { kind: "group" }
  | { kind: "former" }
  | { kind: "resyncing" }
  | { kind: "historyForked" };
export type CallState =
  | { kind: "ringing" }
  | { kind: "running" }
  | { kind: "joining" }
  | { kind: "in"; since: number }
  | { kind: "ended"; ended: number; missed: boolean };
export type Line =
  | { kind: "text"; text: string }
  | { kind: "created" }
  | { kind: "added"; names: Array<string> }
  | { kind: "removed"; names: Array<string> }
  | { kind: "left" }
  | { kind: "renamed"; name: string }
  | { kind: "call"; call: string; video: boolean; state: CallState }
  | { kind: "gap" }
  | { kind: "historyForked" };
export type ProxyStanding =
  | { kind: "untried" }
  | { kind: "testing" }
  | { kind: "works"; ms: number }
  | { kind: "failed"; reason: string }
  | { kind: "inUse" };

export type Me = { account: string; name: string; link: string };
export type Preview = { from: string | null; line: Line };
export type ChatRow = {
  id: string;
  title: string;
  group: boolean;
  preview: Preview | null;
  time: number;
  unread: number;
  typing: Array<string>;
  call: string | null;
};
export type MemberRow = { account: string; name: string; me: boolean; verified: boolean };
export type Quote = { id: string; fromName: string; text: string };
export type ChatLine = {
  id: string | null;
  seq: number;
  from: string | null;
  fromName: string;
  time: number;
  line: Line;
  progress: Progress | null;
  replyTo: Quote | null;
};
export type ChatView = {
  id: string;
  title: string;
  standing: Standing;
  members: Array<MemberRow>;
  lines: Array<ChatLine>;
  older: boolean;
  typing: Array<string>;
  safetyCode: string | null;
};
export type RequestRow = { account: string; name: string; text: string; time: number };
export type ContactRow = {
  account: string;
  name: string;
  verified: boolean;
  standing: ContactStanding;
  chat: string | null;
};
export type CallRow = { id: string; chat: string; title: string; video: boolean; started: number; state: CallState };
export type PresentRow = {
  account: string;
  name: string;
  me: boolean;
  since: number;
  video: boolean;
  muted: boolean;
  byProxy: boolean;
  participant: number | null;
  leaf: number;
};
export type AbsentRow = { account: string; name: string; answer: Absence };
export type CallView = {
  id: string;
  chat: string;
  title: string;
  video: boolean;
  state: CallState;
  present: Array<PresentRow>;
  absent: Array<AbsentRow>;
  muted: boolean;
  camera: boolean;
  cameraRefused: boolean;
  code: string | null;
};
export type Ringing = { call: string; fromName: string; title: string; video: boolean; until: number };
export type ProxyRow = { host: string; name: string; link: string; standing: ProxyStanding };
export type View = {
  me: Me | null;
  road: RoadState;
  chats: Array<ChatRow>;
  chat: ChatView | null;
  requests: Array<RequestRow>;
  contacts: Array<ContactRow>;
  calls: Array<CallRow>;
  call: CallView | null;
  ringing: Ringing | null;
  proxies: Array<ProxyRow>;
  proxyUse: ProxyUse;
};

export type Look = { chat: string | null; before: number | null; call: string | null };

export type Command =
  | { kind: "createAccount"; name: string }
  | { kind: "rename"; name: string }
  | { kind: "requestContact"; link: string; text: string }
  | { kind: "acceptRequest"; account: string }
  | { kind: "declineRequest"; account: string }
  | { kind: "verify"; account: string; verified: boolean }
  | { kind: "block"; account: string; blocked: boolean }
  | { kind: "sendText"; chat: string; text: string; replyTo: string | null }
  | { kind: "typing"; chat: string }
  | { kind: "markRead"; chat: string; seq: number }
  | { kind: "createGroup"; name: string; members: Array<string> }
  | { kind: "addMembers"; chat: string; members: Array<string> }
  | { kind: "removeMember"; chat: string; account: string }
  | { kind: "renameGroup"; chat: string; name: string }
  | { kind: "leaveGroup"; chat: string }
  | { kind: "startCall"; chat: string; video: boolean }
  | { kind: "joinCall"; call: string; video: boolean }
  | { kind: "declineCall"; call: string }
  | { kind: "ignoreCall"; call: string }
  | { kind: "leaveCall"; call: string }
  | { kind: "addToCall"; call: string; members: Array<string> }
  | { kind: "offer"; call: string; sdp: string }
  | { kind: "mute"; call: string; muted: boolean }
  | { kind: "camera"; call: string; on: boolean }
  | { kind: "chooseVideos"; call: string; participants: Array<number>; heightMax: number }
  | { kind: "addProxy"; link: string }
  | { kind: "removeProxy"; link: string }
  | { kind: "testProxy"; link: string }
  | { kind: "useProxies"; when: ProxyUse };

export type CommandError =
  | { kind: "noAccount" }
  | { kind: "accountExists" }
  | { kind: "wrongLink"; reason: string }
  | { kind: "otherService" }
  | { kind: "ownLink" }
  | { kind: "unknown" }
  | { kind: "empty" }
  | { kind: "tooLong"; max: number }
  | { kind: "tooMany"; max: number }
  | { kind: "notAMember" }
  | { kind: "alreadyInACall" }
  | { kind: "callOver" }
  | { kind: "notAContact"; names: Array<string> }
  | { kind: "diskFull" }
  | { kind: "ours"; what: string };

export type SlotView = { mid: string; participant: number };
export type MediaEvent =
  | { kind: "makeOffer"; call: string; audioSlots: number; videoSlots: number; camera: boolean }
  | { kind: "answer"; call: string; sdp: string }
  | { kind: "keys"; call: string; epoch: number; baseKey: string; leaf: number }
  | { kind: "slots"; call: string; slots: Array<SlotView> }
  | { kind: "stop"; call: string };
