//! The account of this device: its keys, its inbox, its contact link.

use prost::Message;
use rusqlite::{Connection, OptionalExtension, params};
use umweg_seal::identity::{AccountKey, DeviceKey, verify_certificate};
use umweg_seal::inbox::{InboxKey, LinkSecret};
use umweg_wire::limits::{KEY_PACKAGES_LEFT, NAME_BYTES_MAX};
use umweg_wire::links::Linked;
use umweg_wire::proto::sealed::{ContactCard, DeviceCertificate};
use umweg_wire::{AccountId, Capability, LogId};

use crate::command::CommandError;
use crate::error::StoreError;
use crate::outbox::{self, Lane, Task};
use crate::step::Step;

/// The account, as stored.
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) name: String,
    pub(crate) account_key: [u8; 32],
    pub(crate) device: umweg_seal::Device,
    pub(crate) inbox: LogId,
    pub(crate) owner: Capability,
    pub(crate) inbox_key: InboxKey,
    pub(crate) link_secret: LinkSecret,
    pub(crate) inbox_made: bool,
    pub(crate) inbox_applied: u64,
}

impl Account {
    /// How others reach this account.
    pub(crate) fn card(&self, service: [u8; 8]) -> ContactCard {
        ContactCard {
            account_key: self.account_key.to_vec(),
            inbox: self.inbox.to_vec(),
            link_secret: self.link_secret.expose().to_vec(),
            inbox_key: self.inbox_key.public().to_vec(),
            name: self.name.clone(),
            service: service.to_vec(),
        }
    }

    pub(crate) fn link(&self, service: [u8; 8]) -> String {
        self.card(service).to_link()
    }
}

/// The account, if there is one.
pub(crate) fn load(db: &Connection) -> Result<Option<Account>, StoreError> {
    let sql = "SELECT name, account_key, device_key, certificate, inbox, owner, inbox_key, link_secret, inbox_made, inbox_applied FROM account";
    let row = db
        .prepare_cached(sql)?
        .query_row([], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, [u8; 32]>(1)?,
                row.get::<_, [u8; 32]>(2)?,
                row.get::<_, Vec<u8>>(3)?,
                row.get::<_, [u8; 32]>(4)?,
                row.get::<_, [u8; 32]>(5)?,
                row.get::<_, [u8; 32]>(6)?,
                row.get::<_, [u8; 32]>(7)?,
                row.get::<_, bool>(8)?,
                row.get::<_, u64>(9)?,
            ))
        })
        .optional()?;
    let Some((name, account_key, device_key, certificate, inbox, owner, inbox_key, link_secret, inbox_made, inbox_applied)) = row
    else {
        return Ok(None);
    };
    let certificate = DeviceCertificate::decode(certificate.as_slice())?;
    let verified = verify_certificate(&certificate).map_err(|_| StoreError::Corrupt("the account's certificate"))?;
    Ok(Some(Account {
        id: verified.account(),
        name,
        account_key: AccountKey::from_bytes(&account_key).public(),
        device: umweg_seal::Device { certificate, key: DeviceKey::from_bytes(&device_key) },
        inbox: LogId(inbox),
        owner: Capability::new(owner),
        inbox_key: InboxKey::from_bytes(&inbox_key),
        link_secret: LinkSecret::new(link_secret),
        inbox_made,
        inbox_applied,
    }))
}

/// The account, where there must be one: something of it is stored.
pub(crate) fn mine(db: &Connection) -> Result<Account, StoreError> {
    load(db)?.ok_or(StoreError::Corrupt("the account is missing"))
}

/// Its id alone, without a look at the keys.
pub(crate) fn my_id(db: &Connection) -> Result<Option<AccountId>, StoreError> {
    Ok(db.prepare_cached("SELECT id FROM account")?.query_row([], |row| Ok(AccountId(row.get(0)?))).optional()?)
}

/// Makes the keys; the inbox follows when there is a road.
pub(crate) fn create(step: &mut Step<'_>, name: &str) -> Result<(), CommandError> {
    let name = checked_name(name)?;
    if load(step.db)?.is_some() {
        return Err(CommandError::AccountExists);
    }
    let account = AccountKey::generate(step.rng);
    let device = DeviceKey::generate(step.rng);
    let certificate = account.issue(&device, step.now);
    let (inbox, owner) = (LogId::random(step.rng), Capability::random(step.rng));
    let (inbox_key, link_secret) = (InboxKey::generate(step.rng), LinkSecret::random(step.rng));
    step.db.execute(
        "INSERT INTO account (one, name, account_key, device_key, certificate, inbox, owner, inbox_key, link_secret, id)
         VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            name,
            account.to_bytes().as_slice(),
            device.to_bytes().as_slice(),
            certificate.encode_to_vec(),
            inbox.0,
            owner.expose(),
            inbox_key.to_bytes().as_slice(),
            link_secret.expose(),
            account.id().0,
        ],
    )?;
    outbox::push(step, Lane::Own, &Task::OpenInbox)?;
    outbox::push(step, Lane::Own, &Task::LeaveKeyPackages { count: KEY_PACKAGES_LEFT, last_resort: true })?;
    step.changed();
    Ok(())
}

/// Changes the name, and tells every conversation.
pub(crate) fn rename(step: &mut Step<'_>, name: &str) -> Result<(), CommandError> {
    let name = checked_name(name)?;
    step.db.execute("UPDATE account SET name = ?1", [&name])?;
    for chat in crate::chats::all(step.db)? {
        if chat.membership == crate::chats::Membership::Member {
            outbox::push_profile(step, chat.log)?;
        }
    }
    step.changed();
    Ok(())
}

/// A name that people may see.
pub(crate) fn checked_name(name: &str) -> Result<String, CommandError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(CommandError::Empty);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(CommandError::TooLong { max: NAME_BYTES_MAX as u64 });
    }
    Ok(name.to_owned())
}
