//! The client's two sides towards the program that runs it: commands to execute (`Output`), and what comes of them (`Input`).
//!
//! The program executes every output once, in order, after the transaction in which it was made has been committed. Requests
//! may fail or vanish with the connection; the client asks again when it is connected again. So the program keeps no state.

use umweg_wire::proto::v1;
use umweg_wire::{CallId, Capability, LogId};

use crate::view::{BitesUse, ProxyUse, RoadState, StopReason};

/// Names a request until its answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// What the program is to do.
pub enum Output {
    /// Send it to the service, and hand its `Input::Answer` back.
    Request { id: RequestId, request: Request },
    /// On the connection's one `Watch` stream.
    Watch(v1::WatchRequest),
    /// Watch a call's roster, until `false`. After a new connection the client asks again.
    WatchRoster { call: CallId, log: LogId, capability: Capability, on: bool },
    /// On the call's `Participate` stream; `Enter` opens it.
    Participate { call: CallId, request: v1::ParticipantRequest },
    /// The call's media begins or ends: open or close its sockets, datagrams carry the ticket.
    Media { call: CallId, media: Media },
    /// For the page that takes part in the call.
    Page(MediaEvent),
    /// Views are different now.
    ViewChanged,
    /// Show a notification of the system, if no page is looked at.
    Notify { title: String, text: String },
    /// What roads may be used has changed: `Client::proxies`.
    RoadsChanged { proxies: Vec<v1::ProxyLink>, when: ProxyUse, bites: BitesUse },
    /// Try this proxy now and answer with `Input::ProxyTested`.
    TestProxy { proxy: v1::ProxyLink },
}

/// A call to the service.
pub enum Request {
    CreateLog(v1::CreateLogRequest),
    Append(v1::AppendRequest),
    Trim(v1::TrimRequest),
    GetSnapshot(v1::GetSnapshotRequest),
    PublishKeyPackages(v1::PublishKeyPackagesRequest),
    TakeKeyPackage(v1::TakeKeyPackageRequest),
}

/// What the service said.
pub enum Answer {
    Created,
    Appended(v1::AppendResponse),
    Trimmed,
    Snapshot(v1::Snapshot),
    Published(v1::PublishKeyPackagesResponse),
    KeyPackage(v1::TakeKeyPackageResponse),
}

/// Why it said nothing good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// No road, or it broke: whether the service took the request is unknown.
    #[error("the service could not be reached")]
    Unreachable,
    /// PERMISSION_DENIED.
    #[error("the service refused")]
    Refused,
    /// NOT_FOUND.
    #[error("the service has no such thing")]
    NotFound,
    /// ALREADY_EXISTS.
    #[error("the service has it already")]
    Exists,
    /// RESOURCE_EXHAUSTED: try later.
    #[error("the service has no room for it")]
    Full,
    /// INVALID_ARGUMENT: a defect of ours, or a service of another version.
    #[error("the service did not understand")]
    Invalid,
    /// Anything else.
    #[error("the service failed")]
    Broken,
}

/// The media of a call, for the program's sockets.
pub enum Media {
    Open { ticket: umweg_wire::Ticket, udp_port: u16 },
    Close,
}

/// What reaches the page that takes part in a call, beside views: from `MakeOffer` to `Stop`.
#[derive(Clone, serde::Serialize, ts_rs::TS)]
#[ts(export)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum MediaEvent {
    /// The app let this device in: make an offer now. Which receiving sections it must have.
    MakeOffer {
        call: CallId,
        audio_slots: u8,
        video_slots: u8,
        camera: bool,
    },
    /// SDP; the program has put its own candidates in.
    Answer {
        call: CallId,
        sdp: String,
    },
    /// Keys of an epoch. Frames are sealed with the newest from now on; older ones open for `OLD_KEYS_KEPT` more.
    Keys {
        call: CallId,
        #[ts(type = "number")]
        epoch: u64,
        /// 16 bytes, base64url: the base key of RFC 9605, section 5.2.
        base_key: String,
        /// This device's leaf in the call's group, for the key id.
        leaf: u32,
    },
    Slots {
        call: CallId,
        slots: Vec<SlotView>,
    },
    /// The media is over, or never began.
    Stop {
        call: CallId,
        reason: StopReason,
    },
}

/// Whose media a receiving section carries.
#[derive(Clone, PartialEq, Eq, serde::Serialize, ts_rs::TS)]
#[ts(export)]
#[serde(rename_all = "camelCase")]
pub struct SlotView {
    pub mid: String,
    /// 0: nobody's.
    pub participant: u32,
    /// The participant's screen, not its camera.
    pub screen: bool,
}

/// What happened.
pub enum Input {
    /// A road is there: watch and ask again.
    Connected,
    /// It is gone; every request under way has failed.
    Disconnected,
    Road(RoadState),
    /// Whether connections were frozen in this network of late.
    Freezes(bool),
    Answer {
        id: RequestId,
        result: Result<Answer, Failure>,
    },
    Watched(v1::WatchEvent),
    Roster {
        call: CallId,
        roster: v1::Roster,
    },
    Participant {
        call: CallId,
        event: v1::ParticipantEvent,
    },
    /// The `Participate` stream ended.
    ParticipantLost {
        call: CallId,
        failure: Failure,
    },
    ProxyTested {
        link: String,
        standing: crate::view::ProxyStanding,
    },
}
