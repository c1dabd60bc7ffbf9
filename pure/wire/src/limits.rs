//! Every limit of Umweg, in one place: memory and time are bounded where everyone can see.
//!
//! Units stand last in the names. What an operator or a volunteer can set starts from the value here.

use std::time::Duration;

// ── logs ──
/// A sealed entry's payload. A commit that adds 64 post-quantum leaves needs about 180 kB.
pub const ENTRY_BYTES_MAX: usize = 1 << 20;
/// A sealed public group state.
pub const SNAPSHOT_BYTES_MAX: usize = 1 << 20;
/// An ephemeral entry.
pub const EPHEMERAL_BYTES_MAX: usize = 1 << 10;
/// All entries of one inbox: strangers can write to it.
pub const INBOX_BYTES_MAX: u64 = 8 << 20;
/// Entries of one inbox.
pub const INBOX_ENTRIES_MAX: u64 = 1_000;
/// All entries of one group log.
pub const GROUP_BYTES_MAX: u64 = 1 << 30;
/// How long the service keeps an entry.
pub const ENTRY_KEPT: Duration = Duration::from_secs(60 * 24 * 60 * 60);
/// How long it keeps a log in which nothing happens.
pub const LOG_KEPT: Duration = Duration::from_secs(400 * 24 * 60 * 60);
/// Entries in one answer.
pub const ENTRIES_PER_ANSWER_MAX: usize = 256;
/// Bytes of payload in one answer; one entry may be larger than what is left of it.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;
/// What an entry counts against its log's quota beside its payload.
pub const ENTRY_HEAD_BYTES: u64 = 128;
/// Answers to appends whose entries are gone, kept for one log in case the append comes again.
pub const RECEIPTS_MAX: u64 = 1_000;
/// Capabilities of the past that still open their part of a log.
pub const OLD_CAPABILITIES_MAX: usize = 64;

// ── connections to the service ──
/// A gRPC message.
pub const GRPC_MESSAGE_BYTES_MAX: usize = 4 << 20;
/// Logs that one connection watches.
pub const SUBSCRIPTIONS_MAX: usize = 4_096;
/// Entries and events waiting for one slow watcher before it is told to come back later.
pub const WATCHER_QUEUE_MAX: usize = 256;
/// Bytes of payload that wait there.
pub const WATCHER_QUEUE_BYTES_MAX: usize = 8 << 20;
/// Logs that one watcher catches up with at the same time.
pub const WATCHER_READS_MAX: usize = 4;
/// Bytes of payload that wait for all watchers of one service together.
pub const WATCHERS_BYTES_MAX: usize = 512 << 20;
/// Bytes of payload that wait to be stored.
pub const STORE_WAITING_BYTES_MAX: usize = 64 << 20;
/// `Watch` streams of one connection.
pub const WATCHERS_PER_CONNECTION_MAX: usize = 4;
/// Requests under way on one connection.
pub const STREAMS_MAX: u32 = 128;
/// Appends a second on one connection, sustained, and at once.
pub const APPENDS_PER_SECOND: u32 = 50;
/// Appends that may come at once.
pub const APPENDS_BURST: u32 = 500;
/// Logs that one connection may create in an hour.
pub const CREATES_PER_HOUR: u32 = 200;
/// Other requests a second on one connection, sustained.
pub const REQUESTS_PER_SECOND: u32 = 50;
/// Other requests that may come at once.
pub const REQUESTS_BURST: u32 = 1_000;
/// Logs a second that one connection may subscribe to, sustained; at once twice `SUBSCRIPTIONS_MAX`.
pub const SUBSCRIPTIONS_PER_SECOND: u32 = 100;
/// Connections that one service holds.
pub const CONNECTIONS_MAX: usize = 9_000;
/// For the handshake of a connection, from its first byte to the sealed session.
pub const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// A connection without a byte in either direction is dead.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(90);
/// How often each side sends something on a quiet connection.
pub const KEEPALIVE: Duration = Duration::from_secs(25);
/// No answer to a keepalive for so long: the road is dead.
pub const KEEPALIVE_ANSWER_MAX: Duration = Duration::from_secs(8);
/// The same where it may wait behind what goes in small bites: that is, for the service always.
pub const KEEPALIVE_SLOW_ANSWER_MAX: Duration = Duration::from_secs(20);

// ── key packages, blobs ──
/// A sealed key package.
pub const KEY_PACKAGE_BYTES_MAX: usize = 16 << 10;
/// Key packages left with one inbox.
pub const KEY_PACKAGES_MAX: usize = 100;
/// A device refills when fewer are left.
pub const KEY_PACKAGES_LOW: usize = 10;
/// How many a device leaves.
pub const KEY_PACKAGES_LEFT: usize = 20;
/// A sealed file.
pub const BLOB_BYTES_MAX: u64 = 100 << 20;
/// All sealed files of a service, by default.
pub const BLOBS_BYTES_MAX: u64 = 50 << 30;
/// A part of a file in one message.
pub const BLOB_PART_BYTES_MAX: usize = 64 << 10;
/// Files a minute, up and down, on one connection, sustained.
pub const BLOB_KILOBYTES_PER_MINUTE: u32 = 200 << 10;
/// Files that may go at once.
pub const BLOB_KILOBYTES_BURST: u32 = 400 << 10;
/// A file that was announced and did not come is forgotten after so long.
pub const BLOB_COMING: Duration = Duration::from_secs(60 * 60);
/// No part of a file within so long: the transfer is over.
pub const BLOB_PART_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a file is kept.
pub const BLOB_KEPT: Duration = Duration::from_secs(45 * 24 * 60 * 60);

// ── conversations ──
/// A message's text.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// A person's or group's name.
pub const NAME_BYTES_MAX: usize = 256;
/// The text of a contact request.
pub const REQUEST_TEXT_BYTES_MAX: usize = 1 << 10;
/// Members of a group.
pub const MEMBERS_MAX: usize = 64;
/// Contact requests waiting for an answer; the oldest gives way.
pub const REQUESTS_MAX: usize = 200;
/// What an inbox refuses is tried again for so long: its owner may never have been online yet.
pub const DELIVERY_TRIED: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// At most so far apart.
pub const DELIVERY_WAIT_MAX: Duration = Duration::from_secs(6 * 60 * 60);
/// Conversations of one account.
pub const CONVERSATIONS_MAX: usize = 2_000;
/// Messages in one view of a conversation.
pub const VIEW_MESSAGES_MAX: usize = 200;
/// Messages waiting to be sent.
pub const OUTBOX_MAX: usize = 10_000;
/// A typing sign lasts so long.
pub const TYPING_SHOWN: Duration = Duration::from_secs(6);
/// Receipts are gathered for so long.
pub const RECEIPT_DELAY: Duration = Duration::from_millis(300);

// ── calls ──
/// Devices in one call, however large an operator wants calls …
pub const PARTICIPANTS_MAX: usize = 75;
/// … and where the operator says nothing.
pub const PARTICIPANTS_USUAL: usize = 32;
/// Accounts invited to one call.
pub const INVITED_MAX: usize = 256;
/// Devices in one call with a camera, however many an operator wants …
pub const CAMERAS_MAX: usize = 16;
/// … and where the operator says nothing.
pub const CAMERAS_USUAL: usize = 8;
/// Screens that are shown at once in one call, beside the cameras.
pub const SCREENS_MAX: usize = 2;
/// Slots for audio in an offer.
pub const AUDIO_SLOTS_MAX: usize = 8;
/// Slots for video in an offer: in a call of the usual size everything that can be shown has one.
pub const VIDEO_SLOTS_MAX: usize = CAMERAS_USUAL + SCREENS_MAX;
/// Who vanishes keeps the seat.
pub const SEAT_KEPT: Duration = Duration::from_secs(60);
/// A call rings.
pub const RINGING: Duration = Duration::from_secs(60);
/// Accounts invited to a call that rings; a larger one is only shown.
pub const RINGING_INVITED_MAX: usize = 32;
/// Somebody who has not come is rung again after so long at the earliest.
pub const RING_AGAIN_GAP: Duration = Duration::from_secs(30);
/// How often one person is rung again in one call, and how often one call rings at one device.
pub const RINGS_MAX: u32 = 5;
/// A call with one person left in it ends after so long.
pub const ALONE_MAX: Duration = Duration::from_secs(60 * 60);
/// Keys and roster may differ for so long before people are warned: who comes or goes changes first one, then the other.
pub const ROSTER_LAG_MAX: Duration = Duration::from_secs(10);
/// Who waits for a place with a camera asks at most once in this time.
pub const CAMERA_ASK_GAP: Duration = Duration::from_secs(2);
/// A reaction in a call.
pub const REACTION_BYTES_MAX: usize = 32;
/// It is shown for so long.
pub const REACTION_SHOWN: Duration = Duration::from_secs(5);
/// One person's reactions are at least so far apart.
pub const REACTION_GAP: Duration = Duration::from_millis(500);
/// Who entered a call waits so long for its media at most.
pub const MEDIA_AWAITED: Duration = Duration::from_secs(30);
/// Layers of one person's video (simulcast).
pub const LAYERS_MAX: usize = 3;
/// Packets waiting for one slot's turn on a slow connection; beyond, the slot pauses until the next key frame.
pub const SLOT_QUEUE_MAX: usize = 256;
/// An SDP offer or answer.
pub const SDP_BYTES_MAX: usize = 64 << 10;
/// A roster note.
pub const NOTE_BYTES_MAX: usize = 2 << 10;
/// Calls on one SFU.
pub const ROOMS_MAX: usize = 1_000;
/// A datagram between browser and SFU.
pub const DATAGRAM_BYTES_MAX: usize = 1_500;
/// Browser addresses that one participant's datagrams may come from.
pub const FLOWS_MAX: usize = 32;
/// Key-frame requests to one source: at most one in this time.
pub const KEY_FRAME_REQUEST_GAP: Duration = Duration::from_millis(500);
/// On a TCP road audio older than this is dropped before it is written.
pub const AUDIO_AGE_MAX: Duration = Duration::from_millis(400);
/// Likewise video.
pub const VIDEO_AGE_MAX: Duration = Duration::from_millis(150);
/// Bytes unsent in the kernel above which nothing more is written.
pub const MEDIA_UNSENT_BYTES_MAX: u32 = 6 << 10;
/// In a proxy's tunnel, of which nobody knows whether it carries a call, as much as leaves within this time …
pub const TUNNEL_UNSENT_TIME: Duration = Duration::from_millis(50);
/// … may wait unsent: at least as much as for a call, and at most this.
pub const TUNNEL_UNSENT_BYTES_MAX: u32 = 4 << 20;
/// The speed is measured for so long at least.
pub const TUNNEL_UNSENT_WINDOW: Duration = Duration::from_millis(10);
/// Datagrams waiting for a TCP road.
pub const MEDIA_QUEUE_MAX: usize = 512;

// ── roads ──
/// A record of the sealed session: what Noise allows.
pub const RECORD_BYTES_MAX: usize = 65_535;
/// The head of an upgrade request or its answer.
pub const HTTP_HEAD_BYTES_MAX: usize = 16 << 10;
/// A PROXY protocol header: 107 bytes in version 1; in version 2 the server in front may add what it knows about TLS.
pub const PROXY_HEADER_BYTES_MAX: usize = 4 << 10;
/// A ClientHello that a proxy reads for the name in it; with post-quantum keys they have about 2 kB.
pub const CLIENT_HELLO_BYTES_MAX: usize = 16 << 10;
/// Roads are tried at least so far apart.
pub const DIAL_GAP: Duration = Duration::from_millis(400);
/// Attempts a minute to one name.
pub const DIALS_PER_MINUTE_MAX: usize = 3;
/// For one attempt, from dialing to the sealed session.
pub const DIAL_TIME_MAX: Duration = Duration::from_secs(10);
/// Bytes of one connection in small bites, both directions and TLS together: a known block freezes what has moved 15 to 20 kB.
pub const BITE_BYTES_MAX: u64 = 14_000;
/// From the beginning of a bite to the next one's, at least …
pub const BITE_GAP_MIN: Duration = Duration::from_secs(1);
/// … and, where there is more to say, at most.
pub const BITE_GAP_MAX: Duration = Duration::from_secs(3);
/// A chain of bites of which none is open is kept for so long.
pub const CHAIN_KEPT: Duration = Duration::from_secs(60);
/// Bytes of a chain that wait to be sent: more would make a keepalive wait behind them.
pub const CHAIN_UNSENT_BYTES_MAX: usize = 2 << 10;
/// Proxies that an app knows.
pub const PROXIES_MAX: usize = 100;
/// People with whom one proxy was shared, as far as they are told of its fresh addresses …
pub const PROXY_SHARED_MAX: usize = 256;
/// … and different links of it that one of them was given.
pub const PROXY_SHARED_TWICE_MAX: usize = 8;
/// They are told so long after: who mistyped can put it right.
pub const PROXY_RENEWAL_DELAY: Duration = Duration::from_secs(60);
/// From one telling to the next.
pub const PROXY_RENEWAL_GAP: Duration = Duration::from_secs(60 * 60);
/// Fresh addresses of one proxy that are taken in a day.
pub const PROXY_RENEWALS_A_DAY_MAX: usize = 24;
/// A link.
pub const LINK_BYTES_MAX: usize = 2_048;
/// Connections that one proxy holds, by default.
pub const PROXY_CONNECTIONS_MAX: usize = 4_000;

/// Invites of one proxy.
pub const INVITES_MAX: usize = 1_000;

/// What the service refuses in a conversation is shown as refused after this time: many a refusal passes by itself.
pub const REFUSAL_SHOWN_AFTER: Duration = Duration::from_secs(30);

// ── the loopback protocol between page and app ──
/// A message of the pages.
pub const PAGE_MESSAGE_BYTES_MAX: usize = 1 << 20;
/// Pages connected at once.
pub const PAGES_MAX: usize = 16;
/// Connections at once that have yet to prove that they are a page.
pub const PAGES_UNPROVEN_MAX: usize = 16;
/// They do so within this time.
pub const PAGE_PROOF_TIME_MAX: Duration = Duration::from_secs(10);

// ── the key of the app's database ──
/// The system's key ring answers within this time, or there is none for us: starting must not wait for a desktop that is not there.
pub const KEYRING_ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// A person who is asked to unlock the key ring does so within this time.
pub const KEYRING_UNLOCK_TIME_MAX: Duration = Duration::from_secs(120);
