//! A conversation: an MLS group (RFC 9420) whose entries one log orders. One-to-one or many, there is one code path.
//!
//! 1. Somebody makes the group with [`Conversation::create`]; the log's capability and resync key come from its first epoch.
//! 2. A member changes it: [`add`](Conversation::add), [`remove`](Conversation::remove), [`rename`](Conversation::rename),
//!    [`update`](Conversation::update), [`readmit`](Conversation::readmit). The commit is pending until the log has taken it.
//! 3. Everything that the log holds goes through [`handle`](Conversation::handle), in order. Our own commit comes back as
//!    `Own`: [`merge_pending`](Conversation::merge_pending). Somebody else's comes staged: [`accept`](Conversation::accept)
//!    merges it, and drops a pending one of ours, which must then be made again.
//! 4. A commit that removes somebody rotates the log: [`LogKeys`] of the new epoch hold from then on.

mod log_keys;
mod resync;
mod transient;

use openmls::prelude::{LeafNodeIndex, MlsGroup, MlsMessageBodyIn, StagedCommit, StagedWelcome, WelcomeError};
use openmls_traits::OpenMlsProvider as _;
use prost::Message as _;
use umweg_wire::limits::{ENTRY_BYTES_MAX, MEMBERS_MAX, NAME_BYTES_MAX};
use umweg_wire::proto::sealed::Content;
use umweg_wire::proto::v1::EntryKind;
use umweg_wire::{AccountId, LogId};

pub use log_keys::{LogKeys, ResyncKey};
pub use resync::{OpenResyncError, ResyncRequest, open_resync, seal_resync};
pub use transient::TransientError;

use crate::labels::{EXTENSION_NAME, SUITE_CONVERSATION};
use crate::mls::{self, Change as Examined, Committed, Entrance, Handled, Policy};
pub use crate::mls::{CommitError, HandleError, Member, SealError};
use crate::store::{Store, StoreError};
use crate::{Device, KeyPackageOf, Refusal, Verified};

/// The rules of conversations.
const POLICY: Policy = Policy {
    suite: SUITE_CONVERSATION,
    leaves_max: MEMBERS_MAX,
    extension: EXTENSION_NAME,
    may_change: is_name,
    entrance: Entrance::ByMember,
};

/// A conversation, for as long as the caller's transaction.
pub struct Conversation {
    group: MlsGroup,
}

/// What an entry of the log says.
pub enum Received {
    /// A message.
    Content {
        /// Who sent it.
        from: Verified,
        /// What it says.
        content: Content,
    },
    /// Somebody's change of the group, to be accepted or refused.
    Commit(Staged),
    /// What this device sent: a message that is known already, or the pending commit, which is to be merged.
    Own,
}

/// A change that was checked and waits.
pub struct Staged {
    /// What it does.
    pub change: Change,
    commit: Box<StagedCommit>,
}

/// What a commit does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Who made it.
    pub by: Verified,
    /// Who comes in. A device that is removed and added at once was let in again (after it lost its state).
    pub added: Vec<Verified>,
    /// Who goes.
    pub removed: Vec<Verified>,
    /// Whether this device is among them.
    pub removes_me: bool,
    /// The conversation's new name.
    pub name: Option<String>,
}

/// A change of ours, ready for the log.
pub struct PendingCommit {
    /// The entry.
    pub commit: Vec<u8>,
    /// For those who are added.
    pub welcome: Option<Vec<u8>>,
    /// If it removes somebody: what rotates the log, and what members derive by themselves when they have merged it.
    pub keys_after: Option<LogKeys>,
}

/// Why a conversation could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The name is too long.
    #[error("use a name that is too long")]
    NameTooLong,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a Welcome led nowhere.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Larger than an entry may be.
    #[error("read a welcome that is too large")]
    PeerTooLarge,
    /// Not a Welcome, or one that RFC 9420 forbids.
    #[error("read a welcome")]
    PeerInvalid,
    /// None of its key packages is ours, or it was used before.
    #[error("find the key package that a welcome was made for")]
    PeerNotForUs,
    /// This device is in that group already.
    #[error("join a group that this device is in already")]
    AlreadyIn,
    /// Not a group as ours are.
    #[error("accept a group")]
    PeerRefused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    OursStore(#[from] StoreError),
}

impl Conversation {
    /// A new one, with this device alone in it.
    pub fn create(store: &Store<'_>, device: &Device, log: LogId, name: &str) -> Result<Self, CreateError> {
        if !is_name(&[], name.as_bytes()) {
            return Err(CreateError::NameTooLong);
        }
        let config = mls::create_config(SUITE_CONVERSATION, mls::context(EXTENSION_NAME, name.into()));
        let group = MlsGroup::new_with_group_id(store, &device.key, &config, mls::group_id(log), mls::credential(device))
            .map_err(StoreError::new)?;
        Ok(Self { group })
    }

    /// The one of that log, if this device is or was in it.
    pub fn load(store: &Store<'_>, log: LogId) -> Result<Option<Self>, StoreError> {
        Ok(MlsGroup::load(store.storage(), &mls::group_id(log))?.map(|group| Self { group }))
    }

    /// Joins by a Welcome. A device that lost track and was let in again forgets the old state with [`Self::delete`] before.
    pub fn join(store: &Store<'_>, device: &Device, welcome: &[u8]) -> Result<Self, JoinError> {
        if welcome.len() > ENTRY_BYTES_MAX {
            return Err(JoinError::PeerTooLarge);
        }
        let Some(MlsMessageBodyIn::Welcome(welcome)) = mls::decode(welcome) else { return Err(JoinError::PeerInvalid) };
        let staged = StagedWelcome::build_from_welcome(store, &mls::join_config(), welcome)
            .and_then(|builder| builder.skip_lifetime_validation().build())
            .map_err(join_error)?;
        if staged.group_context().group_id().as_slice().len() != LogId::LEN {
            return Err(Refusal::Context.into());
        }
        let own = staged.own_leaf_node().is_some_and(|leaf| leaf.signature_key().as_slice() == device.key.public());
        if !own {
            return Err(JoinError::PeerNotForUs);
        }
        let mut group = staged.into_group(store).map_err(join_error)?;
        if let Err(refusal) = mls::check_group(&POLICY, &group) {
            group.delete(store.storage()).map_err(StoreError::new)?;
            return Err(refusal.into());
        }
        Ok(Self { group })
    }

    /// Forgets a conversation's keys.
    pub fn delete(store: &Store<'_>, log: LogId) -> Result<(), StoreError> {
        if let Some(mut conversation) = Self::load(store, log)? {
            conversation.group.delete(store.storage())?;
        }
        store.forget_commit(&log.0)
    }

    /// Its log.
    #[must_use]
    pub fn log(&self) -> LogId {
        LogId(self.group.group_id().as_slice().try_into().expect("checked when it was joined"))
    }

    /// Its name; empty in a one-to-one conversation.
    #[must_use]
    pub fn name(&self) -> String {
        mls::extension(self.group.extensions(), EXTENSION_NAME).ok().and_then(name_of).unwrap_or_default()
    }

    /// Whether this device is still in it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.group.is_active()
    }

    /// How many valid commits it has seen. (The log's epoch counts those that the service took.)
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.group.epoch().as_u64()
    }

    /// Who is in it.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        mls::members(&self.group).expect("every member was checked when it was let in")
    }

    /// Seals a message for the current epoch.
    pub fn seal(&mut self, store: &Store<'_>, device: &Device, content: &Content) -> Result<Vec<u8>, SealError> {
        mls::seal(&mut self.group, store, device, content.encode_to_vec())
    }

    /// Reads an entry of the log. That uses up the entry's key: a second time it is [`HandleError::Seen`], so what it said is to
    /// be kept in the same transaction.
    pub fn handle(&mut self, store: &Store<'_>, payload: &[u8], kind: EntryKind) -> Result<Received, HandleError> {
        match mls::handle(&mut self.group, store, &POLICY, payload, kind)? {
            Handled::Application { from, plain } => {
                let content = Content::decode(plain.as_slice()).map_err(|_| HandleError::PeerMalformed)?;
                Ok(Received::Content { from: from.identity, content })
            }
            Handled::Commit(change, commit) => Ok(Received::Commit(Staged { change: change.into(), commit })),
            Handled::Own => Ok(Received::Own),
        }
    }

    /// Takes somebody's change. A pending one of ours is dropped.
    pub fn accept(&mut self, store: &Store<'_>, staged: Staged) -> Result<(), StoreError> {
        mls::accept(&mut self.group, store, *staged.commit)
    }

    /// Leaves somebody's change alone; every member must do so for the same reason, or the group forks.
    pub fn refuse(&self, staged: Staged) {
        drop(staged);
    }

    /// Adds devices by their key packages.
    pub fn add(&mut self, store: &Store<'_>, device: &Device, who: &[KeyPackageOf]) -> Result<PendingCommit, CommitError> {
        if who.is_empty() {
            return Err(CommitError::NotAMember);
        }
        let packages = who.iter().map(|who| who.package.clone());
        let committed = mls::commit(&mut self.group, store, device, &POLICY, |builder| Ok(builder.propose_adds(packages)))?;
        self.pending(store, committed)
    }

    /// Removes every device of these accounts, but this device.
    pub fn remove(&mut self, store: &Store<'_>, device: &Device, who: &[AccountId]) -> Result<PendingCommit, CommitError> {
        let own = self.group.own_leaf_index().u32();
        let leaves = self.members().into_iter().filter(|member| member.leaf != own && who.contains(&member.identity.account()));
        let leaves: Vec<_> = leaves.map(|member| LeafNodeIndex::new(member.leaf)).collect();
        if leaves.is_empty() {
            return Err(CommitError::NotAMember);
        }
        let committed = mls::commit(&mut self.group, store, device, &POLICY, |builder| Ok(builder.propose_removals(leaves)))?;
        self.pending(store, committed)
    }

    /// Gives it another name.
    pub fn rename(&mut self, store: &Store<'_>, device: &Device, name: &str) -> Result<PendingCommit, CommitError> {
        if !is_name(&[], name.as_bytes()) {
            return Err(CommitError::NameTooLong);
        }
        let extensions = mls::context(EXTENSION_NAME, name.into());
        let committed = mls::commit(&mut self.group, store, device, &POLICY, |builder| {
            builder.propose_group_context_extensions(extensions).map_err(|error| CommitError::Impossible(error.to_string()))
        })?;
        self.pending(store, committed)
    }

    /// Gives this device's leaf new keys, so that whoever stole the old ones is out.
    pub fn update(&mut self, store: &Store<'_>, device: &Device) -> Result<PendingCommit, CommitError> {
        let committed = mls::commit(&mut self.group, store, device, &POLICY, |builder| Ok(builder.force_self_update(true)))?;
        self.pending(store, committed)
    }

    /// Lets a member that lost its state in again: its old leaf goes and a new one comes, in one commit.
    pub fn readmit(&mut self, store: &Store<'_>, device: &Device, who: &KeyPackageOf) -> Result<PendingCommit, CommitError> {
        let old = self.members().into_iter().find(|member| member.identity == who.identity).ok_or(CommitError::NotAMember)?;
        let (old, package) = (LeafNodeIndex::new(old.leaf), who.package.clone());
        let committed = mls::commit(&mut self.group, store, device, &POLICY, |builder| {
            Ok(builder.propose_removals([old]).propose_adds([package]))
        })?;
        self.pending(store, committed)
    }

    /// Takes our own pending change: the log has it.
    pub fn merge_pending(&mut self, store: &Store<'_>) -> Result<(), StoreError> {
        self.group.merge_pending_commit(store).map_err(StoreError::new)
    }

    /// Forgets our own pending change. Only if the log has said that it did not take it: what we sealed ourselves we cannot read
    /// back, so if it turns up in the log after all, this device is behind and must ask to be let in again.
    pub fn clear_pending(&mut self, store: &Store<'_>) -> Result<(), StoreError> {
        mls::clear_pending(&mut self.group, store)
    }

    /// Whether a change of ours waits.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.group.pending_commit().is_some()
    }

    /// What it will do.
    #[must_use]
    pub fn pending_change(&self) -> Option<Change> {
        mls::pending_change(&self.group, &POLICY)?.ok().map(Change::from)
    }

    fn pending(&self, store: &Store<'_>, committed: Committed) -> Result<PendingCommit, CommitError> {
        let rotates = !committed.change.removed.is_empty();
        let after = self.group.pending_commit().filter(|_| rotates);
        let keys_after = after.map(|commit| LogKeys::after(commit, store)).transpose()?;
        Ok(PendingCommit { commit: committed.commit, welcome: committed.welcome, keys_after })
    }
}

impl From<Examined> for Change {
    fn from(change: Examined) -> Self {
        Self {
            by: change.by,
            added: change.added,
            removed: change.removed.into_iter().map(|member| member.identity).collect(),
            removes_me: change.removes_me,
            name: change.extension.as_deref().and_then(name_of),
        }
    }
}

fn join_error(error: WelcomeError<rusqlite::Error>) -> JoinError {
    match error {
        WelcomeError::StorageError(error) => StoreError::new(error).into(),
        WelcomeError::NoMatchingKeyPackage => JoinError::PeerNotForUs,
        WelcomeError::GroupAlreadyExists => JoinError::AlreadyIn,
        error => {
            tracing::debug!(%error, "a welcome was refused");
            JoinError::PeerInvalid
        }
    }
}

fn is_name(_before: &[u8], after: &[u8]) -> bool {
    after.len() <= NAME_BYTES_MAX && std::str::from_utf8(after).is_ok()
}

fn name_of(content: &[u8]) -> Option<String> {
    std::str::from_utf8(content).ok().map(str::to_owned)
}
