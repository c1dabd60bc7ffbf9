//! What the pages show: one value, sent whole. The screen can always be drawn again from it.
//!
//! Every decision is made before it gets here; a page only chooses words and places. TypeScript's types are made from these
//! (`./x types`).

mod roads;

use serde::Serialize;
use ts_rs::TS;
use umweg_wire::{AccountId, CallId, LogId, MessageId, Timestamp};

pub use self::roads::{BitesUse, ProxyRow, ProxyStanding, ProxyUse, Renewals, RoadEnd, RoadState, RoadTrouble, RoadWhy};

/// Everything that one page shows.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The person; `None` before the account is created.
    pub me: Option<Me>,
    /// How the service is reached at the moment.
    pub road: RoadState,
    /// Conversations, the newest first.
    pub chats: Vec<ChatRow>,
    /// The conversation that this page looks at.
    pub chat: Option<ChatView>,
    /// Strangers who ask.
    pub requests: Vec<RequestRow>,
    /// People who were accepted, by name.
    pub contacts: Vec<ContactRow>,
    /// Calls: running ones first, then by time.
    pub calls: Vec<CallRow>,
    /// The call that this device takes part in, or whose panel this page looks at.
    pub call: Option<CallView>,
    /// The call that rings now.
    pub ringing: Option<Ringing>,
    /// Proxies that the app knows.
    pub proxies: Vec<ProxyRow>,
    /// Whether proxies are used.
    pub proxy_use: ProxyUse,
    /// Whether the road goes in small bites.
    pub bites_use: BitesUse,
    /// Connections were frozen in this network of late.
    pub freezes: bool,
}

/// The account's own page.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Me {
    pub account: AccountId,
    pub name: String,
    /// The contact link, for passing on.
    pub link: String,
}

/// A conversation in the list.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ChatRow {
    pub id: LogId,
    pub title: String,
    pub group: bool,
    /// The newest line.
    pub preview: Option<Preview>,
    pub time: Timestamp,
    pub unread: u32,
    pub typing: Vec<String>,
    /// A call runs in it: shown with *Join*.
    pub call: Option<CallId>,
}

/// A line under a conversation's title.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// Who wrote it; `None`: this account.
    pub from: Option<String>,
    pub line: Line,
}

/// The conversation looked at.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ChatView {
    pub id: LogId,
    pub title: String,
    pub standing: Standing,
    pub members: Vec<MemberRow>,
    /// Oldest first; at most `limits::VIEW_MESSAGES_MAX`.
    pub lines: Vec<ChatLine>,
    /// Older ones exist: look with `before`.
    pub older: bool,
    pub typing: Vec<String>,
    /// In a one-to-one conversation, the code that both compare; twelve groups of five digits.
    pub safety_code: Option<String>,
}

/// What a conversation is at present.
#[derive(Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Standing {
    /// Between two people.
    OneToOne { account: AccountId },
    /// Of many.
    Group,
    /// This account left or was removed: reading only.
    Former,
    /// This device lost its keys and has asked the others to let it in again.
    Resyncing,
    /// The service shows different people different histories of it. Nothing more is sent.
    HistoryForked,
}

/// A member of a conversation.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct MemberRow {
    pub account: AccountId,
    pub name: String,
    pub me: bool,
    pub verified: bool,
}

/// One line of a conversation.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ChatLine {
    /// Its name; a line that is no message has none.
    pub id: Option<MessageId>,
    /// Its place in the log; 0 while it waits to be sent.
    #[ts(type = "number")]
    pub seq: u64,
    /// `None`: this account.
    pub from: Option<AccountId>,
    pub from_name: String,
    pub time: Timestamp,
    pub line: Line,
    /// Of an own message.
    pub progress: Option<Progress>,
    pub reply_to: Option<Quote>,
}

/// What a line says.
#[derive(Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Line {
    Text {
        text: String,
    },
    /// Somebody made the group, or was added, or removed, or left. Names, not ids.
    Created,
    Added {
        names: Vec<String>,
    },
    Removed {
        names: Vec<String>,
    },
    Left,
    Renamed {
        name: String,
    },
    /// A call began; `state` is its state now, `with` who else was in it, `seconds` how long it lasted if it is over.
    Call {
        call: CallId,
        video: bool,
        state: CallState,
        with: Vec<String>,
        seconds: Option<u32>,
    },
    /// Something could not be read because this device had lost its keys: messages are missing here.
    Gap,
    /// The service showed two histories from here on.
    HistoryForked,
}

/// How far an own message has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum Progress {
    /// The service has no room for it. What is not sent is tried on, and can be taken back.
    NoRoom,
    /// The service does not take it, or has the conversation no more.
    Refused,
    /// The service or the app could not handle it.
    Failed,
    /// Waits for a road.
    Waiting,
    /// The service holds it on disk.
    Sent,
    /// Every other member's device has it.
    Delivered,
    /// Every other member has read it.
    Read,
}

/// The message that a line answers.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    pub id: MessageId,
    pub from_name: String,
    pub text: String,
}

/// A stranger's request.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct RequestRow {
    pub account: AccountId,
    pub name: String,
    pub text: String,
    pub time: Timestamp,
}

/// A person of the address book.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct ContactRow {
    pub account: AccountId,
    pub name: String,
    pub verified: bool,
    pub standing: ContactStanding,
    /// The one-to-one conversation.
    pub chat: Option<LogId>,
}

/// How far an acquaintance has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum ContactStanding {
    /// This account asked and has no answer yet.
    Asked,
    Accepted,
    Blocked,
}

/// A call in the list.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct CallRow {
    pub id: CallId,
    /// The conversation it was started from.
    pub chat: LogId,
    pub title: String,
    pub video: bool,
    pub started: Timestamp,
    pub state: CallState,
    /// This account started it.
    pub outgoing: bool,
    /// Who else is or was in it: names.
    pub with: Vec<String>,
    /// How long it lasted, if it is over.
    pub seconds: Option<u32>,
}

/// What a call is to this account now.
#[derive(Clone, PartialEq, Eq, Serialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum CallState {
    /// Rings here.
    Ringing,
    /// Runs and can be joined: ignored, declined, left, or come too late for the ringing.
    Running,
    /// This device is on its way in.
    Joining,
    /// This device takes part.
    In { since: Timestamp },
    /// It is over. `missed`: this account was never in it, and has not declined it.
    Ended { ended: Timestamp, missed: bool },
}

/// A call, in it or before.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    pub id: CallId,
    pub chat: LogId,
    pub title: String,
    pub video: bool,
    pub state: CallState,
    /// Who is in it, by when they came: what the keys say, checked against the roster.
    pub present: Vec<PresentRow>,
    /// Who was invited and is not in it.
    pub absent: Vec<AbsentRow>,
    /// This account can be heard / seen.
    pub muted: bool,
    pub camera: bool,
    /// Why the camera is off although it was asked for.
    pub camera_refused: bool,
    /// This account's screen is shown.
    pub screen: bool,
    /// It was to be, and as many are as may be.
    pub screen_refused: bool,
    /// The epoch's code, for reading aloud: the same for all who share the keys.
    pub code: Option<String>,
    /// Whom the service shows in the call without the keys saying so.
    pub ghosts: Vec<GhostRow>,
    /// This account's hand is up.
    pub hand: bool,
    /// Why this device is not in it any more, or did not get in; until the next try.
    pub stopped: Option<StopReason>,
}

/// Why taking part in a call came to an end, or did not begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum StopReason {
    /// The person hung up.
    Left,
    /// The call is over.
    Over,
    /// There is no room: in the call, or on the service.
    Full,
    /// This account was not let in.
    Refused,
    /// Nobody else was there for an hour.
    Alone,
    /// Two calls that began at the same moment became one: this device goes on in the other.
    Moved,
    /// This device was taken for gone, and comes back by itself.
    Returning,
    /// The service or the app failed.
    Failed,
}

/// Somebody whom the service shows in the call, and whom the keys do not include.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct GhostRow {
    /// Whose signed note the service shows; `None`: nobody's who was invited.
    pub account: Option<AccountId>,
    pub name: Option<String>,
    pub participant: u32,
}

/// Somebody in a call.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct PresentRow {
    pub account: AccountId,
    pub name: String,
    pub me: bool,
    pub since: Timestamp,
    /// The camera is on.
    pub video: bool,
    /// The screen is shown, beside the camera or without it.
    pub screen: bool,
    pub muted: bool,
    pub by_proxy: bool,
    /// The participant's number at the SFU, as in `Slots`; `None` while its media is not there.
    pub participant: Option<u32>,
    /// The leaf in the call's group, as in a sealed frame's key id.
    pub leaf: u32,
    /// Their hand is up since then.
    pub hand: Option<Timestamp>,
    /// What they reacted with just now.
    pub reaction: Option<String>,
    pub warning: Option<PresentWarning>,
}

/// What is not as it should be with somebody in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum PresentWarning {
    /// Holds the keys, so can listen, and the service does not show them: they lost their road, or are being hidden.
    NotShown,
}

/// Somebody who was invited and is not there.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct AbsentRow {
    pub account: AccountId,
    pub name: String,
    pub answer: Absence,
}

/// Why somebody is not there, as far as known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub enum Absence {
    /// Called; their device has not confirmed it, or it does not ring for so many.
    Invited,
    /// Their device has it, and its minute is not over.
    Ringing,
    /// Their device has it, and they did not answer in that minute.
    Missed,
    Declined,
    Left,
}

/// A call that rings.
#[derive(Clone, PartialEq, Serialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct Ringing {
    pub call: CallId,
    pub from_name: String,
    pub title: String,
    pub video: bool,
    /// It stops ringing then.
    pub until: Timestamp,
}
