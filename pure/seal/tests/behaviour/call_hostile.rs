//! What insiders of a call try, and who was not invited but got hold of the join secret. They seal and open by hand, from the
//! labels, so these tests are a second implementation of a call's envelope as well.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use openmls::prelude::tls_codec::{DeserializeBytes as _, Serialize as _};
use openmls::prelude::{
    BasicCredential, Capabilities, CredentialWithKey, Extension, ExtensionType, Extensions, GroupId, KeyPackageBuilder,
    LeafNodeParameters, Lifetime, MlsGroup, MlsMessageBodyIn, MlsMessageIn, MlsMessageOut, RequiredCapabilitiesExtension,
    UnknownExtension,
};
use openmls_traits::OpenMlsProvider as _;
use prost::Message as _;
use umweg_seal::call::{CallGroup, CallSecrets, HandleError, JoinCallError, ReceivedInCall};
use umweg_seal::labels::{CALL_ENTRY_KEY, CALL_SNAPSHOT_KEY, EXTENSION_INVITED, SUITE_CALL};
use umweg_seal::{Refusal, new_key_packages};
use umweg_wire::AccountId;
use umweg_wire::limits::PARTICIPANTS_MAX;
use umweg_wire::proto::sealed::CallSnapshot;
use umweg_wire::proto::v1::EntryKind::Commit;

use crate::people::{Person, people};

const SECRET: [u8; 32] = [5; 32];

fn secrets() -> CallSecrets {
    CallSecrets::from_join_secret(&SECRET)
}

fn cipher(label: &[u8]) -> XChaCha20Poly1305 {
    let mut key = [0; 32];
    Hkdf::<sha2::Sha256>::new(None, &SECRET).expand(label, &mut key).unwrap();
    XChaCha20Poly1305::new(&key.into())
}

fn seal_by_hand(message: &MlsMessageOut) -> Vec<u8> {
    let (message, bound) = (message.tls_serialize_detached().unwrap(), secrets().log_id().0);
    let sealed = cipher(CALL_ENTRY_KEY).encrypt(&XNonce::from([1; 24]), Payload { msg: &message, aad: &bound }).unwrap();
    [[1; 24].as_slice(), &sealed].concat()
}

fn open_snapshot_by_hand(sealed: &[u8]) -> openmls::messages::group_info::VerifiableGroupInfo {
    let (nonce, sealed) = sealed.split_first_chunk::<24>().unwrap();
    let payload = Payload { msg: sealed, aad: &secrets().log_id().0 };
    let plain = cipher(CALL_SNAPSHOT_KEY).decrypt(&XNonce::from(*nonce), payload).unwrap();
    let info = CallSnapshot::decode(plain.as_slice()).unwrap().group_info;
    match MlsMessageIn::tls_deserialize_exact_bytes(&info).unwrap().extract() {
        MlsMessageBodyIn::GroupInfo(info) => info,
        _ => panic!("no group info"),
    }
}

/// An honest leaf's capabilities.
fn capabilities() -> Capabilities {
    let person = Person::new(99);
    let package = new_key_packages(&person.store(), &person.device, 1, false).unwrap().remove(0);
    match MlsMessageIn::tls_deserialize_exact_bytes(&package).unwrap().extract() {
        MlsMessageBodyIn::KeyPackage(package) => package
            .validate(person.store().crypto(), openmls::prelude::ProtocolVersion::Mls10)
            .unwrap()
            .leaf_node()
            .capabilities()
            .clone(),
        _ => panic!("no key package"),
    }
}

fn join_by_hand(who: &Person, certificate: Vec<u8>, snapshot: &[u8]) -> Vec<u8> {
    let credential = CredentialWithKey {
        credential: BasicCredential::new(certificate).into(),
        signature_key: who.device.key.public().as_slice().into(),
    };
    let store = who.store();
    let (_, bundle) = MlsGroup::external_commit_builder()
        .skip_lifetime_validation()
        .build_group(&store, open_snapshot_by_hand(snapshot), credential)
        .unwrap()
        .leaf_node_parameters(LeafNodeParameters::builder().with_capabilities(capabilities()).build())
        .load_psks(store.storage())
        .unwrap()
        .build(store.rand(), store.crypto(), &who.device.key, |_| true)
        .unwrap()
        .finalize(&store)
        .unwrap();
    seal_by_hand(bundle.commit())
}

fn commit_by_hand(who: &Person, make: impl FnOnce(&mut MlsGroup) -> MlsMessageOut) -> Vec<u8> {
    let id = GroupId::from_slice(&secrets().log_id().0);
    let mut group = MlsGroup::load(who.store().storage(), &id).unwrap().unwrap();
    seal_by_hand(&make(&mut group))
}

fn group(of: &Person) -> CallGroup {
    CallGroup::load(&of.store(), secrets().log_id()).unwrap().unwrap()
}

fn refusal(by: &Person, commit: &[u8]) -> Option<Refusal> {
    match group(by).handle(&by.store(), &secrets(), commit, Commit) {
        Err(HandleError::PeerRefused(refusal)) => Some(refusal),
        _ => None,
    }
}

/// A call of the first two; the newest snapshot.
fn call_of(a: &Person, b: &Person, invited: &[AccountId]) -> Vec<u8> {
    let (mut call, first) = CallGroup::create(&a.store(), &a.device, &secrets(), invited, &mut *a.rng()).unwrap();
    call.merge_pending(&a.store()).unwrap();
    joins(b, &first.snapshot, &[a])
}

fn joins(who: &Person, snapshot: &[u8], present: &[&Person]) -> Vec<u8> {
    let (_, commit) = CallGroup::join(&who.store(), &who.device, &secrets(), snapshot, &mut *who.rng()).unwrap();
    for one in present {
        let mut group = group(one);
        match group.handle(&one.store(), &secrets(), &commit.commit, Commit).unwrap() {
            ReceivedInCall::Commit(staged) => group.accept(&one.store(), staged).unwrap(),
            _ => panic!("no commit"),
        }
    }
    commit.snapshot
}

#[test]
fn a_joiner_that_was_not_invited_is_refused_by_every_member_alike() {
    let [a, b, c, stranger] = people();
    let snapshot = call_of(&a, &b, &[b.id(), c.id()]);
    let snapshot = joins(&c, &snapshot, &[&a, &b]);
    let commit = join_by_hand(&stranger, stranger.device.certificate.encode_to_vec(), &snapshot);
    assert!([&a, &b, &c].iter().all(|one| refusal(one, &commit) == Some(Refusal::Entrance)));
    let epochs = [&a, &b, &c].map(|one| group(one).epoch());
    assert!(epochs.iter().all(|&epoch| epoch == epochs[0]));
}

#[test]
fn a_joiner_under_an_invited_persons_certificate_is_refused() {
    let [a, b, c, stranger] = people();
    let snapshot = call_of(&a, &b, &[b.id(), c.id()]);
    let commit = join_by_hand(&stranger, c.device.certificate.encode_to_vec(), &snapshot);
    assert!([&a, &b].iter().all(|one| matches!(refusal(one, &commit), Some(Refusal::Certificate(_)))));
}

/// That what is done by hand here is refused for its sender only.
#[test]
fn a_joiner_by_hand_that_was_invited_is_taken() {
    let [a, b, c] = people();
    let snapshot = call_of(&a, &b, &[b.id(), c.id()]);
    let commit = join_by_hand(&c, c.device.certificate.encode_to_vec(), &snapshot);
    for one in [&a, &b] {
        let Ok(ReceivedInCall::Commit(staged)) = group(one).handle(&one.store(), &secrets(), &commit, Commit) else {
            panic!("not taken")
        };
        assert_eq!(staged.change.joined.map(|who| who.account()), Some(c.id()));
    }
}

#[test]
fn nobody_takes_an_invitation_back() {
    let [a, b, c] = people();
    call_of(&a, &b, &[b.id(), c.id()]);
    let mut list: Vec<_> = [a.id(), b.id()].iter().map(|id| id.0).collect();
    list.sort_unstable();
    let required = RequiredCapabilitiesExtension::new(&[ExtensionType::Unknown(EXTENSION_INVITED)], &[], &[]);
    let shorter =
        vec![Extension::RequiredCapabilities(required), Extension::Unknown(EXTENSION_INVITED, UnknownExtension(list.concat()))];
    let commit = commit_by_hand(&b, |group| {
        let (store, extensions) = (b.store(), Extensions::from_vec(shorter).unwrap());
        group.update_group_context_extensions(&store, extensions, &b.device.key).unwrap().0
    });
    assert_eq!(refusal(&a, &commit), Some(Refusal::Context));
}

/// One comes into a call by oneself only, so that it is seen who came.
#[test]
fn nobody_is_added_to_a_call() {
    let [a, b, c] = people();
    call_of(&a, &b, &[b.id(), c.id()]);
    let credential = CredentialWithKey {
        credential: BasicCredential::new(c.device.certificate.encode_to_vec()).into(),
        signature_key: c.device.key.public().as_slice().into(),
    };
    let package = KeyPackageBuilder::new().leaf_node_capabilities(capabilities()).key_package_lifetime(Lifetime::init(0, u64::MAX));
    let package = package.build(SUITE_CALL, &c.store(), &c.device.key, credential).unwrap().into_key_package();
    let commit = commit_by_hand(&b, |group| group.add_members(&b.store(), &b.device.key, &[package]).unwrap().0);
    assert_eq!(refusal(&a, &commit), Some(Refusal::Proposal));
}

#[test]
fn a_call_that_is_full_takes_nobody_more() {
    let people: Vec<_> = (0..=PARTICIPANTS_MAX as u64).map(Person::new).collect();
    let invited: Vec<_> = people.iter().map(Person::id).collect();
    let mut snapshot = call_of(&people[0], &people[1], &invited);
    for one in &people[2..PARTICIPANTS_MAX] {
        snapshot = joins(one, &snapshot, &[&people[0]]);
    }
    let last = &people[PARTICIPANTS_MAX];
    let refused = CallGroup::join(&last.store(), &last.device, &secrets(), &snapshot, &mut *last.rng());
    assert!(matches!(refused, Err(JoinCallError::PeerRefused(Refusal::Full))));
    let commit = join_by_hand(last, last.device.certificate.encode_to_vec(), &snapshot);
    assert_eq!(refusal(&people[0], &commit), Some(Refusal::Full));
}
