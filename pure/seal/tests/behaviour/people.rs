//! People with a device each, and the log between them.

use std::cell::{RefCell, RefMut};

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use rusqlite::Connection;
use umweg_seal::group::{Conversation, PendingCommit, Received};
use umweg_seal::inbox::{InboxKey, LinkSecret, open_key_package, seal_key_package};
use umweg_seal::{AccountKey, Device, DeviceKey, KeyPackageOf, Store, migrate, new_key_packages};
use umweg_wire::proto::sealed::{ContactCard, Content, Text, content};
use umweg_wire::proto::v1::EntryKind;
use umweg_wire::{AccountId, LogId, Timestamp};

pub(crate) const LOG: LogId = LogId([9; 32]);

pub(crate) struct Person {
    pub(crate) db: Connection,
    pub(crate) account: AccountKey,
    pub(crate) device: Device,
    pub(crate) inbox: InboxKey,
    pub(crate) link: LinkSecret,
    rng: RefCell<ChaCha20Rng>,
}

pub(crate) fn people<const N: usize>() -> [Person; N] {
    std::array::from_fn(|seed| Person::new(seed as u64))
}

impl Person {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut db = Connection::open_in_memory().unwrap();
        migrate(&mut db).unwrap();
        let account = AccountKey::generate(&mut rng);
        let device = Device::new(&account, DeviceKey::generate(&mut rng), Timestamp(1));
        let (inbox, link) = (InboxKey::generate(&mut rng), LinkSecret::random(&mut rng));
        Self { db, account, device, inbox, link, rng: RefCell::new(rng) }
    }

    pub(crate) fn id(&self) -> AccountId {
        self.account.id()
    }

    pub(crate) fn rng(&self) -> RefMut<'_, ChaCha20Rng> {
        self.rng.borrow_mut()
    }

    pub(crate) fn store(&self) -> Store<'_> {
        Store::new(&self.db, &mut *self.rng())
    }

    pub(crate) fn card(&self) -> ContactCard {
        ContactCard {
            account_key: self.account.public().to_vec(),
            inbox: vec![1; 32],
            link_secret: self.link.expose().to_vec(),
            inbox_key: self.inbox.public().to_vec(),
            name: "somebody".into(),
            service: vec![0; 8],
        }
    }

    /// A key package, as somebody else gets it from the service.
    pub(crate) fn key_package(&self) -> KeyPackageOf {
        let package = new_key_packages(&self.store(), &self.device, 1, false).unwrap().remove(0);
        open_key_package(&seal_key_package(&package, &self.link, &mut *self.rng()), &self.link).unwrap()
    }

    pub(crate) fn conversation(&self) -> Conversation {
        Conversation::load(&self.store(), LOG).unwrap().unwrap()
    }

    pub(crate) fn says(&self, text: &str) -> Vec<u8> {
        self.conversation().seal(&self.store(), &self.device, &message(text)).unwrap()
    }

    /// Reads an entry and takes what it says, as a client would.
    pub(crate) fn takes(&self, payload: &[u8], kind: EntryKind) -> Took {
        let (store, mut conversation) = (self.store(), self.conversation());
        match conversation.handle(&store, payload, kind) {
            Ok(Received::Content { from, content }) => Took::Text(from.account(), text_of(content)),
            Ok(Received::Commit(staged)) => {
                conversation.accept(&store, staged).unwrap();
                Took::Commit
            }
            Ok(Received::Own) => {
                conversation.merge_pending(&store).unwrap();
                Took::Own
            }
            Err(error) => Took::Nothing(error.to_string()),
        }
    }

    pub(crate) fn hears(&self, payload: &[u8]) -> String {
        match self.takes(payload, EntryKind::Message) {
            Took::Text(_, text) => text,
            other => panic!("no message: {other:?}"),
        }
    }
}

#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Took {
    Text(AccountId, String),
    Commit,
    Own,
    Nothing(String),
}

/// The log gives a commit to its maker and to all others.
pub(crate) fn all_take(maker: &Person, others: &[&Person], commit: &PendingCommit) {
    assert_eq!(maker.takes(&commit.commit, EntryKind::Commit), Took::Own);
    for other in others {
        assert_eq!(other.takes(&commit.commit, EntryKind::Commit), Took::Commit);
    }
}

/// The first makes a conversation with all the others.
pub(crate) fn conversation_of(people: &[&Person]) {
    let (first, others) = people.split_first().unwrap();
    let store = first.store();
    let mut conversation = Conversation::create(&store, &first.device, LOG, "the group").unwrap();
    let packages: Vec<_> = others.iter().map(|other| other.key_package()).collect();
    let pending = conversation.add(&store, &first.device, &packages).unwrap();
    assert_eq!(first.takes(&pending.commit, EntryKind::Commit), Took::Own);
    for other in others {
        Conversation::join(&other.store(), &other.device, pending.welcome.as_ref().unwrap()).unwrap();
    }
}

pub(crate) fn message(text: &str) -> Content {
    let body = content::Body::Text(Text { text: text.into(), in_reply_to: vec![] });
    Content { id: vec![1; 16], sent_at: 1, seen: None, body: Some(body) }
}

fn text_of(content: Content) -> String {
    match content.body {
        Some(content::Body::Text(text)) => text.text,
        _ => panic!("not a text"),
    }
}
