//! Two people whose devices are real: what they seal is what travels.

use std::cell::Cell;

use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use rusqlite::Connection;
use umweg_seal::call::{CallGroup, CallSecrets};
use umweg_seal::group::{Conversation, seal_resync};
use umweg_seal::inbox::{InboxKey, LinkSecret, seal_entry};
use umweg_seal::key_package::{new_key_packages, validate_key_package};
use umweg_seal::{AccountKey, Device, DeviceKey, Store, migrate};
use umweg_wire::proto::sealed::{
    ContactCard, ContactRequest, Content, InboxBody, RosterNoteBody, Text, Transient, content, inbox_body, transient,
};
use umweg_wire::{AccountId, CallId, LogId, Seq, Timestamp};

pub(super) struct Household {
    pub(super) alice: Person,
    pub(super) bob: Person,
    /// Their conversation.
    pub(super) log: LogId,
    /// Their call; Alice is in it, and Bob is invited.
    pub(super) call: CallSecrets,
    pub(super) inbox_entry: Vec<u8>,
    /// Of Bob, as MLS has it.
    pub(super) key_package: Vec<u8>,
    /// For Bob, into a conversation that he is not in yet.
    pub(super) second_welcome: Vec<u8>,
    /// What Alice wrote and Bob has not read: a message, a commit, a typing sign, a request to be let in again.
    pub(super) entries: Vec<Vec<u8>>,
    /// A snapshot, Bob's commit, a farewell, a note.
    pub(super) call_inputs: Vec<Vec<u8>>,
}

pub(super) struct Person {
    connection: Connection,
    pub(super) device: Device,
    pub(super) inbox: InboxKey,
    pub(super) link: LinkSecret,
    account_key: [u8; 32],
    /// For the next transaction that stays: two never make the same keys.
    seed: Cell<u64>,
}

impl Household {
    pub(super) fn new() -> Self {
        let (alice, bob) = (Person::new(1), Person::new(2));
        let log = LogId([1; 32]);
        let key_package = befriend(&alice, &bob, log);
        let second_welcome = alice.does(|store| welcome_for(store, &alice, &bob, LogId([2; 32])).0);
        let call = CallSecrets::from_join_secret(&[3; 32]);
        let call_inputs = call_inputs(&alice, &bob, &call);
        Self {
            inbox_entry: request(&alice, &bob),
            entries: alice.and_undo(|store| entries(store, &alice, log)),
            alice,
            bob,
            log,
            call,
            key_package,
            second_welcome,
            call_inputs,
        }
    }
}

impl Person {
    fn new(seed: u64) -> Self {
        let mut rng = rng(seed);
        let mut connection = Connection::open_in_memory().expect("SQLite opens a database in memory");
        migrate(&mut connection).expect("an empty database takes the schema");
        let account = AccountKey::generate(&mut rng);
        let device = Device::new(&account, DeviceKey::generate(&mut rng), Timestamp(1_800_000_000_000));
        let (inbox, link) = (InboxKey::generate(&mut rng), LinkSecret::random(&mut rng));
        Self { connection, device, inbox, link, account_key: account.public(), seed: Cell::new(1_000 * seed) }
    }

    pub(super) fn account(&self) -> AccountId {
        umweg_seal::account_id(&self.account_key)
    }

    /// In a transaction that is taken back: the next input meets the same state.
    pub(super) fn and_undo<T>(&self, work: impl FnOnce(&Store<'_>) -> T) -> T {
        let transaction = self.connection.unchecked_transaction().expect("no transaction is open");
        work(&Store::new(&transaction, &mut rng(5)))
    }

    /// In a transaction that stays.
    fn does<T>(&self, work: impl FnOnce(&Store<'_>) -> T) -> T {
        let transaction = self.connection.unchecked_transaction().expect("no transaction is open");
        let done = work(&Store::new(&transaction, &mut rng(self.seed.replace(self.seed.get() + 1))));
        transaction.commit().expect("a database in memory is never full");
        done
    }

    fn card(&self) -> ContactCard {
        ContactCard {
            account_key: self.account_key.to_vec(),
            inbox: vec![8; 32],
            link_secret: self.link.expose().to_vec(),
            inbox_key: self.inbox.public().to_vec(),
            name: "somebody".into(),
            service: vec![9; 8],
        }
    }
}

pub(super) fn rng(seed: u64) -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(seed)
}

/// Both are in the conversation afterwards. Answers with the key package that it took.
fn befriend(alice: &Person, bob: &Person, log: LogId) -> Vec<u8> {
    let (welcome, key_package) = alice.does(|store| welcome_for(store, alice, bob, log));
    bob.does(|store| drop(Conversation::join(store, &bob.device, &welcome).expect("the Welcome is for Bob")));
    key_package
}

fn welcome_for(store: &Store<'_>, alice: &Person, bob: &Person, log: LogId) -> (Vec<u8>, Vec<u8>) {
    let key_package = bob.does(|store| new_key_packages(store, &bob.device, 1, false).expect("the store is whole").remove(0));
    let mut chat = Conversation::create(store, &alice.device, log, "").expect("there is no such conversation");
    let bob = validate_key_package(&key_package).expect("a key package of ours is valid");
    let added = chat.add(store, &alice.device, &[bob]).expect("there is room for two");
    chat.merge_pending(store).expect("the store is whole");
    (added.welcome.expect("somebody was added"), key_package)
}

fn request(alice: &Person, bob: &Person) -> Vec<u8> {
    let request = ContactRequest { card: Some(alice.card()), text: "It is Alice.".into() };
    let body = InboxBody { body: Some(inbox_body::Body::Request(request)) };
    seal_entry(&alice.device, &bob.card(), &body, &mut rng(3)).expect("the card is whole")
}

fn entries(store: &Store<'_>, alice: &Person, log: LogId) -> Vec<Vec<u8>> {
    let mut chat = Conversation::load(store, log).expect("the store is whole").expect("Alice made it");
    let text = content::Body::Text(Text { text: "hello".into(), in_reply_to: Vec::new() });
    let message = Content { id: vec![1; 16], sent_at: 5, body: Some(text), ..Default::default() };
    let typing = Transient { account_id: alice.account().to_vec(), body: Some(transient::Body::Typing(true)) };
    let keys = chat.log_keys_of_epoch(store).expect("Alice is a member");
    let own = new_key_packages(store, &alice.device, 1, false).expect("the store is whole").remove(0);
    vec![
        chat.seal(store, &alice.device, &message).expect("Alice is a member"),
        chat.seal_transient(store, &typing, &mut rng(4)).expect("Alice is a member"),
        seal_resync(&alice.device, &keys.resync_key, log, &own, Seq(1), &mut rng(4)),
        chat.rename(store, &alice.device, "us").expect("nothing is pending").commit,
    ]
}

fn call_inputs(alice: &Person, bob: &Person, secrets: &CallSecrets) -> Vec<Vec<u8>> {
    let invited = [alice.account(), bob.account()];
    let created = alice.does(|store| {
        let (mut call, created) =
            CallGroup::create(store, &alice.device, secrets, &invited, &mut rng(7)).expect("two fit into a call");
        call.merge_pending(store).expect("the store is whole");
        created
    });
    let joined = bob.and_undo(|store| {
        let joined = CallGroup::join(store, &bob.device, secrets, &created.snapshot, &mut rng(8));
        joined.expect("Bob is invited").1
    });
    let note = RosterNoteBody { since: 5, video: true, muted: false, by_proxy: true, leaf: 0, ..RosterNoteBody::default() };
    vec![created.snapshot, joined.commit, joined.snapshot, secrets.seal_note(&alice.device, CallId([4; 16]), &note, &mut rng(9))]
}
