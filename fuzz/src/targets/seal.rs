//! What comes sealed: from the service, from a stranger, and from somebody inside who means ill.
//!
//! A mutated seal does not open, so beside the sealed forms the insides are fuzzed too: a key package and a Welcome as MLS has
//! them, and contents that a member sealed well.

use std::cell::LazyCell;

use prost::Message;
use umweg_seal::call::CallGroup;
use umweg_seal::group::{Conversation, Received, open_resync};
use umweg_seal::inbox::{open_entry, open_key_package};
use umweg_seal::key_package::validate_key_package;
use umweg_wire::CallId;
use umweg_wire::proto::sealed::{Content, DeviceCertificate, content};
use umweg_wire::proto::v1::EntryKind;

use super::Target;
use super::household::{Household, rng};

thread_local! {
    /// Made once: two people who know one another, write and call.
    static HOUSEHOLD: LazyCell<Household> = LazyCell::new(Household::new);
}

pub(super) const INBOX_ENTRY: Target = Target {
    name: "inbox-entry",
    decodes: "an entry of one's inbox, from whoever has the contact link",
    bytes_max: 8_000,
    run: |input| HOUSEHOLD.with(|home| drop(open_entry(input, &home.bob.inbox, &home.bob.link, home.bob.account()))),
    seeds: || HOUSEHOLD.with(|home| vec![home.inbox_entry.clone()]),
};

pub(super) const KEY_PACKAGE: Target = Target {
    name: "key-package",
    decodes: "a key package that the service hands out, sealed and as a dishonest contact left it",
    bytes_max: 16_000,
    run: |input| {
        HOUSEHOLD.with(|home| drop(open_key_package(input, &home.bob.link)));
        let _ = validate_key_package(input);
        if let Ok(certificate) = DeviceCertificate::decode(input) {
            let _ = umweg_seal::verify_certificate(&certificate);
        }
    },
    seeds: || HOUSEHOLD.with(|home| vec![home.key_package.clone(), home.bob.device.certificate.encode_to_vec()]),
};

pub(super) const WELCOME: Target = Target {
    name: "welcome",
    decodes: "a Welcome into a conversation, from a contact",
    bytes_max: 16_000,
    run: |input| HOUSEHOLD.with(|home| home.bob.and_undo(|store| drop(Conversation::join(store, &home.bob.device, input)))),
    seeds: || HOUSEHOLD.with(|home| vec![home.second_welcome.clone()]),
};

pub(super) const CONVERSATION_ENTRY: Target = Target {
    name: "conversation-entry",
    decodes: "an entry of a conversation's log, from the service or a member",
    bytes_max: 16_000,
    run: |input| {
        HOUSEHOLD.with(|home| {
            for kind in [EntryKind::Message, EntryKind::Commit] {
                home.bob.and_undo(|store| {
                    let mut chat = chat_of(store, home);
                    if let Ok(Received::Commit(staged)) = chat.handle(store, input, kind) {
                        let _ = chat.accept(store, staged);
                    }
                });
            }
            home.bob.and_undo(|store| {
                let chat = chat_of(store, home);
                let _ = chat.open_transient(store, input);
                if let Ok(keys) = chat.log_keys_of_epoch(store) {
                    let _ = open_resync(input, &keys.resync_key, home.log);
                }
            });
        });
    },
    seeds: || HOUSEHOLD.with(|home| home.entries.clone()),
};

pub(super) const CONTENT: Target = Target {
    name: "content",
    decodes: "what a member of a conversation sealed well, whatever it is",
    bytes_max: 4_000,
    run: |input| {
        let Ok(content) = Content::decode(input) else { return };
        HOUSEHOLD.with(|home| {
            let payload = home.alice.and_undo(|store| chat_of(store, home).seal(store, &home.alice.device, &content));
            let Ok(payload) = payload else { return };
            let received = home.bob.and_undo(|store| chat_of(store, home).handle(store, &payload, EntryKind::Message));
            let same = matches!(&received, Ok(Received::Content { content: opened, .. }) if *opened == content);
            assert!(same || received.is_err(), "what was opened is not what was sealed");
        });
    },
    seeds: || {
        let text = content::Body::Text(umweg_wire::proto::sealed::Text { text: "hello".into(), in_reply_to: vec![1; 16] });
        let invite = content::Body::CallInvite(umweg_wire::proto::sealed::CallInvite {
            call_id: vec![2; 16],
            join_secret: vec![3; 32],
            video: true,
            started_at: 4,
            invited: vec![vec![5; 32]; 3],
        });
        [text, invite]
            .map(|body| Content { id: vec![1; 16], sent_at: 9, body: Some(body), ..Default::default() }.encode_to_vec())
            .into()
    },
};

pub(super) const CALL_ENTRY: Target = Target {
    name: "call-entry",
    decodes: "an entry of a call's log, a snapshot of its group, a note of its roster",
    bytes_max: 16_000,
    run: |input| {
        HOUSEHOLD.with(|home| {
            for kind in [EntryKind::Message, EntryKind::Commit] {
                home.alice.and_undo(|store| {
                    let call = CallGroup::load(store, home.call.log_id()).expect("the store is whole");
                    let _ = call.expect("the call was made here").handle(store, &home.call, input, kind);
                });
            }
            home.bob.and_undo(|store| drop(CallGroup::join(store, &home.bob.device, &home.call, input, &mut rng(7))));
            let _ = home.call.open_note(input, CallId([4; 16]));
        });
    },
    seeds: || HOUSEHOLD.with(|home| home.call_inputs.clone()),
};

fn chat_of(store: &umweg_seal::Store<'_>, home: &Household) -> Conversation {
    Conversation::load(store, home.log).expect("the store is whole").expect("both are in it")
}
