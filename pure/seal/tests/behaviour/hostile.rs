//! What insiders and outsiders try.

use openmls::prelude::tls_codec::Serialize as _;
use openmls::prelude::{
    BasicCredential, CredentialWithKey, Extension, ExtensionType, Extensions, GroupId, KeyPackageBuilder, LeafNodeIndex, Lifetime,
    MlsGroup, MlsGroupCreateConfig, MlsMessageOut, NewSignerBundle, RequiredCapabilitiesExtension, UnknownExtension,
};
use openmls_traits::OpenMlsProvider as _;
use proptest::prelude::*;
use prost::Message as _;
use umweg_seal::call::{CallGroup, CallSecrets};
use umweg_seal::group::{Conversation, JoinError, ResyncKey, open_resync};
use umweg_seal::inbox::{open_entry, open_key_package, seal_key_package};
use umweg_seal::key_package::validate_key_package;
use umweg_seal::labels::{EXTENSION_INVITED, EXTENSION_NAME, SUITE_CONVERSATION};
use umweg_seal::{CertificateError, Device, HandleError, Refusal, new_key_packages, verify_certificate};
use umweg_wire::limits::NAME_BYTES_MAX;
use umweg_wire::proto::v1::EntryKind;
use umweg_wire::{CallId, LogId};

use crate::people::{LOG, Person, Took, conversation_of, people};

fn refused(took: &Took) -> bool {
    matches!(took, Took::Nothing(_))
}

fn refusal(by: &Person, commit: &[u8]) -> Option<Refusal> {
    match by.conversation().handle(&by.store(), commit, EntryKind::Commit) {
        Err(HandleError::PeerRefused(refusal)) => Some(refusal),
        _ => None,
    }
}

/// A key package of a device under a credential that it should not have, made with bare OpenMLS.
fn key_package_of(person: &Person, identity: Vec<u8>, lifetime: Lifetime) -> Vec<u8> {
    let credential = CredentialWithKey {
        credential: BasicCredential::new(identity).into(),
        signature_key: person.device.key.public().as_slice().into(),
    };
    let honest = new_key_packages(&person.store(), &person.device, 1, false).unwrap().remove(0);
    let capabilities = parse_key_package(&honest).leaf_node().capabilities().clone();
    let bundle = KeyPackageBuilder::new()
        .leaf_node_capabilities(capabilities)
        .key_package_lifetime(lifetime)
        .build(SUITE_CONVERSATION, &person.store(), &person.device.key, credential)
        .unwrap();
    MlsMessageOut::from(bundle.into_key_package()).tls_serialize_detached().unwrap()
}

#[test]
fn a_certificate_that_is_forged_anywhere_is_refused() {
    let [a, b] = people();
    let good = a.device.certificate.clone();
    assert_eq!(verify_certificate(&good).unwrap().account(), a.id());
    let mut changed = [good.clone(), good.clone(), good.clone(), good.clone()];
    changed[0].account_key = b.account.public().to_vec();
    changed[1].device_key = b.device.key.public().to_vec();
    changed[2].issued_at += 1;
    changed[3].signature[5] ^= 1;
    assert!(changed.iter().all(|one| verify_certificate(one) == Err(CertificateError::PeerForged)));
}

#[test]
fn a_key_package_under_anothers_certificate_is_refused() {
    let [a, b] = people();
    let endless = Lifetime::init(0, u64::MAX);
    let others = key_package_of(&a, b.device.certificate.encode_to_vec(), endless);
    let none = key_package_of(&a, b"somebody".to_vec(), endless);
    let own = key_package_of(&a, a.device.certificate.encode_to_vec(), endless);
    assert!(validate_key_package(&own).is_ok());
    assert!(validate_key_package(&others).is_err());
    assert!(validate_key_package(&none).is_err());
}

/// It would divide those who read the commit early from those who read it late.
#[test]
fn a_key_package_that_expires_is_refused() {
    let [a] = people();
    let expires = key_package_of(&a, a.device.certificate.encode_to_vec(), Lifetime::init(0, u64::MAX - 1));
    assert!(validate_key_package(&expires).is_err());
}

#[test]
fn an_insider_cannot_let_in_a_false_device() {
    let [a, b, c, d] = people();
    conversation_of(&[&a, &b, &c]);
    let false_one = key_package_of(&d, a.device.certificate.encode_to_vec(), Lifetime::init(0, u64::MAX));
    let commit = commit_by_hand(&a, |group, person| {
        let package = parse_key_package(&false_one);
        let store = person.store();
        group.add_members(&store, &person.device.key, &[package]).unwrap().0
    });
    assert!([&b, &c].iter().all(|one| refused(&one.takes(&commit, EntryKind::Commit))));
    assert_eq!(b.hears(&c.says("nothing happened")), "nothing happened");
}

#[test]
fn an_insider_cannot_become_another() {
    let [a, b, c] = people();
    conversation_of(&[&a, &b, &c]);
    let posing = CredentialWithKey {
        credential: BasicCredential::new(b.device.certificate.encode_to_vec()).into(),
        signature_key: a.device.key.public().as_slice().into(),
    };
    let commit = commit_by_hand(&a, |group, person| {
        let parameters = openmls::prelude::LeafNodeParameters::builder().with_credential_with_key(posing).build();
        let store = person.store();
        group.self_update(&store, &person.device.key, parameters).unwrap().into_commit()
    });
    assert!([&b, &c].iter().all(|one| refused(&one.takes(&commit, EntryKind::Commit))));
    assert_eq!(b.hears(&c.says("nothing happened")), "nothing happened");
}

/// Not even one who is somebody: a device stands for one account as long as it is in a group.
#[test]
fn an_insider_cannot_become_its_own_second_account() {
    let [a, b, c, second] = people();
    conversation_of(&[&a, &b, &c]);
    let credential = CredentialWithKey {
        credential: BasicCredential::new(second.device.certificate.encode_to_vec()).into(),
        signature_key: second.device.key.public().as_slice().into(),
    };
    let commit = commit_by_hand(&a, |group, person| {
        let signer = NewSignerBundle { signer: &second.device.key, credential_with_key: credential };
        let parameters = openmls::prelude::LeafNodeParameters::builder().build();
        let store = person.store();
        group.self_update_with_new_signer(&store, &person.device.key, signer, parameters).unwrap().into_commit()
    });
    assert!([&b, &c].iter().all(|one| refusal(one, &commit) == Some(Refusal::Identity)));
}

#[test]
fn an_insider_cannot_put_anything_but_a_name_into_the_group() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let name = |name: Vec<u8>| Extension::Unknown(EXTENSION_NAME, UnknownExtension(name));
    let required = |types: &[u16]| {
        let types: Vec<_> = types.iter().map(|&number| ExtensionType::Unknown(number)).collect();
        Extension::RequiredCapabilities(RequiredCapabilitiesExtension::new(&types, &[], &[]))
    };
    let attempts = [
        vec![required(&[EXTENSION_NAME]), name(vec![b'x'; NAME_BYTES_MAX + 1])],
        vec![required(&[EXTENSION_NAME]), name(vec![0xFF])],
        vec![required(&[])],
        vec![required(&[EXTENSION_NAME, EXTENSION_INVITED]), name(b"name".to_vec())],
    ];
    for extensions in attempts {
        let transaction = a.db.unchecked_transaction().unwrap();
        let commit = commit_by_hand(&a, |group, person| {
            let (store, extensions) = (person.store(), Extensions::from_vec(extensions).unwrap());
            group.update_group_context_extensions(&store, extensions, &person.device.key).unwrap().0
        });
        transaction.rollback().unwrap();
        let transaction = b.db.unchecked_transaction().unwrap();
        assert_eq!(refusal(&b, &commit), Some(Refusal::Context));
        transaction.rollback().unwrap();
    }
}

#[test]
fn a_group_that_is_not_as_ours_are_is_not_joined() {
    let [stranger, b] = people();
    let credential = CredentialWithKey {
        credential: BasicCredential::new(stranger.device.certificate.encode_to_vec()).into(),
        signature_key: stranger.device.key.public().as_slice().into(),
    };
    let package = new_key_packages(&b.store(), &b.device, 1, false).unwrap().remove(0);
    let capabilities = parse_key_package(&package).leaf_node().capabilities().clone();
    let config = MlsGroupCreateConfig::builder()
        .ciphersuite(SUITE_CONVERSATION)
        .capabilities(capabilities)
        .use_ratchet_tree_extension(true)
        .build();
    let (store, id) = (stranger.store(), GroupId::from_slice(&LOG.0));
    let mut group = MlsGroup::new_with_group_id(&store, &stranger.device.key, &config, id, credential).unwrap();
    let (_, welcome, _) = group.add_members(&store, &stranger.device.key, &[parse_key_package(&package)]).unwrap();
    let refused = Conversation::join(&b.store(), &b.device, &welcome.tls_serialize_detached().unwrap());
    assert!(matches!(refused, Err(JoinError::PeerRefused(_))));
    assert!(Conversation::load(&b.store(), LOG).unwrap().is_none());
}

#[test]
fn a_proposal_alone_is_refused() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let proposal = commit_by_hand(&a, |group, person| {
        let store = person.store();
        group.propose_remove_member(&store, &person.device.key, LeafNodeIndex::new(1)).unwrap().0
    });
    assert!(refused(&b.takes(&proposal, EntryKind::Message)));
    assert!(refused(&b.takes(&proposal, EntryKind::Commit)));
    assert!(!b.says("not stopped by it").is_empty());
}

#[test]
fn every_bit_of_a_message_matters() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let sealed = a.says("whole");
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        assert!(refused(&b.takes(&flipped, EntryKind::Message)), "byte {at}");
    }
    assert_eq!(b.hears(&sealed), "whole");
}

/// OpenMLS before 0.9.2 overflowed the stack here (GHSA-gc79-23g3-8g52): a ratchet tree inside a leaf's extensions, inside a tree.
#[test]
fn something_nested_deeply_is_refused() {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    let deep = nested_key_package(15_000);
    assert!(deep.len() < umweg_wire::limits::ENTRY_BYTES_MAX);
    assert!(refused(&b.takes(&deep, EntryKind::Commit)));
    assert!(Conversation::join(&b.store(), &b.device, &deep).is_err());
    assert!(validate_key_package(&nested_key_package(400)).is_err());
}

/// A key package (RFC 9420, section 10) whose leaf holds, in its extensions, a tree with a leaf that holds the same, and so on.
fn nested_key_package(depth: usize) -> Vec<u8> {
    const LEAF_BEGINS: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 2]; // keys, basic credential, capabilities, source: update
    let leaf_of = |extensions: &[u8]| [LEAF_BEGINS, &with_length(extensions), &[0]].concat();
    let mut leaf = leaf_of(&[]);
    for _ in 0..depth {
        let tree = with_length(&[&[1, 1], leaf.as_slice()].concat()); // present, a leaf
        leaf = leaf_of(&[&[0, 2], with_length(&tree).as_slice()].concat()); // the extension ratchet_tree
    }
    [&[0, 1, 0, 5, 0, 1, 0, 0x4E, 0], leaf.as_slice(), &[0, 0]].concat() // MLS 1.0, key package, MLS 1.0, suite, init key … extensions, signature
}

/// A vector of variable length (RFC 9420, section 2.1.2).
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    let head = match length {
        0..0x40 => vec![length as u8],
        0x40..0x4000 => (length as u16 | 0x4000).to_be_bytes().to_vec(),
        _ => (length | 0x8000_0000).to_be_bytes().to_vec(),
    };
    [head, bytes.to_vec()].concat()
}

fn commit_by_hand(person: &Person, make: impl FnOnce(&mut MlsGroup, &Person) -> MlsMessageOut) -> Vec<u8> {
    let mut group = MlsGroup::load(person.store().storage(), &GroupId::from_slice(&LOG.0)).unwrap().unwrap();
    make(&mut group, person).tls_serialize_detached().unwrap()
}

fn parse_key_package(bytes: &[u8]) -> openmls::prelude::KeyPackage {
    use openmls::prelude::{MlsMessageBodyIn, MlsMessageIn, ProtocolVersion, tls_codec::DeserializeBytes as _};
    let MlsMessageBodyIn::KeyPackage(package) = MlsMessageIn::tls_deserialize_exact_bytes(bytes).unwrap().extract() else {
        panic!("no key package")
    };
    package.validate(&openmls_rust_crypto::RustCrypto::default(), ProtocolVersion::Mls10).unwrap()
}

/// Bytes of any kind, and those that begin well.
fn bytes_like(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let cut = (any::<prop::sample::Index>(), any::<Vec<u8>>());
    prop_oneof![any::<Vec<u8>>(), cut.prop_map(move |(at, tail)| [&good[..at.index(good.len())], &tail].concat())]
}

fn alone() -> (Person, Conversation) {
    let person = Person::new(1);
    let conversation = Conversation::create(&person.store(), &person.device, LOG, "").unwrap();
    (person, conversation)
}

fn good_message() -> Vec<u8> {
    let [a, b] = people();
    conversation_of(&[&a, &b]);
    a.says("good")
}

fn good_key_package() -> Vec<u8> {
    let person = Person::new(1);
    new_key_packages(&person.store(), &person.device, 1, false).unwrap().remove(0)
}

proptest! {
    #[test]
    fn no_entry_makes_a_conversation_panic(bytes in bytes_like(good_message())) {
        let (person, mut conversation) = alone();
        for kind in [EntryKind::Message, EntryKind::Commit, EntryKind::Resync, EntryKind::Unspecified] {
            prop_assert!(conversation.handle(&person.store(), &bytes, kind).is_err());
        }
        prop_assert!(conversation.open_transient(&person.store(), &bytes).is_err());
        prop_assert!(Conversation::join(&person.store(), &person.device, &bytes).is_err());
    }

    #[test]
    fn no_bytes_make_an_inbox_panic(bytes in bytes_like(good_key_package())) {
        let person = Person::new(1);
        prop_assert!(open_entry(&bytes, &person.inbox, &person.link, person.id()).is_err());
        prop_assert!(validate_key_package(&bytes).is_err());
        let sealed = seal_key_package(&bytes, &person.link, &mut *person.rng());
        prop_assert!(open_key_package(&sealed, &person.link).is_err());
        prop_assert!(open_key_package(&bytes, &person.link).is_err());
        prop_assert!(open_resync(&bytes, &ResyncKey::new([1; 32]), LogId([1; 32])).is_err());
    }

    #[test]
    fn no_bytes_make_a_call_panic(bytes: Vec<u8>) {
        let person = Person::new(1);
        let secrets = CallSecrets::from_join_secret(&[1; 32]);
        let (mut call, _) = CallGroup::create(&person.store(), &person.device, &secrets, &[], &mut *person.rng()).unwrap();
        prop_assert!(call.handle(&person.store(), &secrets, &bytes, EntryKind::Commit).is_err());
        prop_assert!(secrets.open_note(&bytes, CallId([1; 16])).is_err());
        prop_assert!(CallGroup::join(&person.store(), &person.device, &secrets, &bytes, &mut *person.rng()).is_err());
    }
}

/// An insider's device shows its account's certificate for another device.
#[test]
fn a_device_cannot_show_its_siblings_certificate() {
    let [mut a, b] = people();
    let sibling = Device::new(&a.account, umweg_seal::DeviceKey::generate(&mut *b.rng()), umweg_wire::Timestamp(2));
    a.device.certificate = sibling.certificate;
    let package = new_key_packages(&a.store(), &a.device, 1, false).unwrap().remove(0);
    assert!(validate_key_package(&package).is_err());
}
