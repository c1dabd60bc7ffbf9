//! What a person can ask of the app: by a page (JSON on the loopback WebSocket) or by the command line.

use serde::Deserialize;
use ts_rs::TS;
use umweg_wire::links::WrongLink;
use umweg_wire::{AccountId, CallId, LogId, MessageId};

use crate::view::{BitesUse, ProxyUse};

/// One wish. `Ok` means that it is written down and will be done, also after a crash.
#[derive(Clone, PartialEq, Deserialize, TS)]
#[ts(export)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Command {
    CreateAccount {
        name: String,
    },
    Rename {
        name: String,
    },

    /// Adds somebody by contact link: sends a request, or accepts theirs if it is there already.
    RequestContact {
        link: String,
        text: String,
    },
    AcceptRequest {
        account: AccountId,
    },
    DeclineRequest {
        account: AccountId,
    },
    /// The safety code was compared and is the same.
    Verify {
        account: AccountId,
        verified: bool,
    },
    Block {
        account: AccountId,
        blocked: bool,
    },

    SendText {
        chat: LogId,
        text: String,
        reply_to: Option<MessageId>,
    },
    /// What the service did not take in a conversation is tried now.
    TryAgain {
        chat: LogId,
    },
    /// Deletes an own message that was not sent.
    TakeBack {
        chat: LogId,
        message: MessageId,
    },
    Typing {
        chat: LogId,
    },
    /// The person has seen everything up to this entry.
    MarkRead {
        chat: LogId,
        #[ts(type = "number")]
        seq: u64,
    },

    CreateGroup {
        name: String,
        members: Vec<AccountId>,
    },
    AddMembers {
        chat: LogId,
        members: Vec<AccountId>,
    },
    RemoveMember {
        chat: LogId,
        account: AccountId,
    },
    RenameGroup {
        chat: LogId,
        name: String,
    },
    LeaveGroup {
        chat: LogId,
    },

    StartCall {
        chat: LogId,
        video: bool,
    },
    /// Then the page makes an offer: `Offer`.
    JoinCall {
        call: CallId,
        video: bool,
    },
    DeclineCall {
        call: CallId,
    },
    IgnoreCall {
        call: CallId,
    },
    LeaveCall {
        call: CallId,
    },
    AddToCall {
        call: CallId,
        members: Vec<AccountId>,
    },
    /// Rings once more at one person who was called and is not in.
    RingAgain {
        call: CallId,
        account: AccountId,
    },
    RaiseHand {
        call: CallId,
        raised: bool,
    },
    /// An emoji, shown to everybody for a few seconds.
    React {
        call: CallId,
        reaction: String,
    },
    /// The page's SDP offer, without candidates. The answer comes as `MediaEvent::Answer`.
    Offer {
        call: CallId,
        sdp: String,
    },
    Mute {
        call: CallId,
        muted: bool,
    },
    Camera {
        call: CallId,
        on: bool,
    },
    /// Beside the camera.
    Screen {
        call: CallId,
        on: bool,
    },
    ChooseVideos {
        call: CallId,
        participants: Vec<u32>,
        height_max: u32,
    },

    AddProxy {
        link: String,
    },
    RemoveProxy {
        link: String,
    },
    TestProxy {
        link: String,
    },
    /// As a message; with contacts it is noted, for its fresh addresses.
    ShareProxy {
        link: String,
        chat: LogId,
    },
    /// Adds the proxy whose link a message brought.
    TakeProxy {
        link: String,
        chat: LogId,
        message: MessageId,
    },
    /// Puts another link in a proxy's place.
    RenewProxy {
        link: String,
        fresh: String,
    },
    /// Whether contacts with whom it was shared are given its fresh addresses.
    GiveRenewals {
        link: String,
        on: bool,
    },
    /// Whether fresh addresses from the contact whose proxy it is are taken.
    TakeRenewals {
        link: String,
        on: bool,
    },
    UseProxies {
        when: ProxyUse,
    },
    UseBites {
        when: BitesUse,
    },
}

/// What a page looks at; kept for each page.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, TS)]
#[ts(export)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Look {
    pub chat: Option<LogId>,
    /// Show the lines before this entry; `None`: the newest.
    #[ts(type = "number | null")]
    pub before: Option<u64>,
    pub call: Option<CallId>,
}

/// Why a wish was not taken. The pages have words for each kind.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error, serde::Serialize, TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum CommandError {
    #[error("create an account first")]
    NoAccount,
    #[error("this account exists already")]
    AccountExists,
    #[error("{wrong}")]
    WrongLink { wrong: WrongLink },
    #[error("this contact uses another service, and cannot be reached from here")]
    OtherService,
    #[error("this is your own link")]
    OwnLink,
    #[error("there is nothing of that name any more")]
    Unknown,
    #[error("this text is empty")]
    Empty,
    #[error("this is longer than {max} bytes")]
    TooLong {
        #[ts(type = "number")]
        max: u64,
    },
    #[error("there is no room for more than {max}")]
    TooMany {
        #[ts(type = "number")]
        max: u64,
    },
    #[error("not possible any more: you are no longer in this conversation")]
    NotAMember,
    #[error("you are in a call already: leave it first")]
    AlreadyInACall,
    #[error("this call is over")]
    CallOver,
    #[error("{} cannot be added: they have not accepted you yet", names.join(", "))]
    NotAContact { names: Vec<String> },
    #[error("that was a moment ago: try again later")]
    TooSoon,
    #[error("the disk is full: make room, nothing was lost")]
    DiskFull,
    #[error("something went wrong in the app: its log says what")]
    Ours,
}
