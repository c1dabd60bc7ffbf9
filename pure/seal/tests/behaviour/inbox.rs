//! Inboxes.

use umweg_seal::inbox::{LinkSecret, OpenEntryError, SealEntryError, open_entry, seal_entry};
use umweg_wire::proto::sealed::{ContactCard, ContactRequest, InboxBody, inbox_body};

use crate::people::{Person, people};

fn request(from: &Person) -> InboxBody {
    InboxBody { body: Some(inbox_body::Body::Request(ContactRequest { card: Some(from.card()), text: "it is me".into() })) }
}

fn sealed(from: &Person, to: &Person) -> Vec<u8> {
    seal_entry(&from.device, &to.card(), &request(from), &mut *from.rng()).unwrap()
}

#[test]
fn an_entry_says_who_sent_it() {
    let [a, b] = people();
    let (from, body) = open_entry(&sealed(&a, &b), &b.inbox, &b.link, b.id()).unwrap();
    assert_eq!(from.account(), a.id());
    assert!(body == request(&a));
}

#[test]
fn only_whom_it_is_for_opens_it() {
    let [a, b, c] = people();
    let entry = sealed(&a, &b);
    let opened = |key, link, me| open_entry(&entry, key, link, me).err();
    assert_eq!(opened(&c.inbox, &b.link, b.id()), Some(OpenEntryError::PeerSealed));
    assert_eq!(opened(&b.inbox, &c.link, b.id()), Some(OpenEntryError::PeerSealed));
    assert_eq!(opened(&b.inbox, &b.link, c.id()), Some(OpenEntryError::PeerSealed));
}

#[test]
fn who_lacks_the_link_cannot_even_knock() {
    let [a, b] = people();
    let guessed = ContactCard { link_secret: LinkSecret::random(&mut *a.rng()).expose().to_vec(), ..b.card() };
    let entry = seal_entry(&a.device, &guessed, &request(&a), &mut *a.rng()).unwrap();
    assert_eq!(open_entry(&entry, &b.inbox, &b.link, b.id()).err(), Some(OpenEntryError::PeerSealed));
}

#[test]
fn nobody_brings_the_card_of_another() {
    let [a, b, c] = people();
    let entry = seal_entry(&a.device, &b.card(), &request(&c), &mut *a.rng()).unwrap();
    assert_eq!(open_entry(&entry, &b.inbox, &b.link, b.id()).err(), Some(OpenEntryError::PeerOthersCard));
}

#[test]
fn nobody_poses_as_another_device() {
    let [a, b, mut c] = people();
    c.device.certificate = a.device.certificate.clone();
    let entry = seal_entry(&c.device, &b.card(), &request(&a), &mut *c.rng()).unwrap();
    assert_eq!(open_entry(&entry, &b.inbox, &b.link, b.id()).err(), Some(OpenEntryError::PeerForged));
}

#[test]
fn a_card_that_is_not_whole_is_refused() {
    let [a, b] = people();
    let broken = ContactCard { inbox_key: vec![1; 31], ..b.card() };
    assert_eq!(seal_entry(&a.device, &broken, &request(&a), &mut *a.rng()), Err(SealEntryError::PeerCard));
}

#[test]
fn an_inbox_key_survives_storage() {
    let [a] = people();
    assert_eq!(umweg_seal::inbox::InboxKey::from_bytes(&a.inbox.to_bytes()).public(), a.inbox.public());
}
