//! A call: an MLS group of its own, whose members are exactly the devices in the call. Who is in it is what the keys say.
//!
//! 1. The caller makes the group with [`CallGroup::create`]. Its first commit leaves the public group state (the snapshot),
//!    sealed under the join secret, with the call's log.
//! 2. Who was invited takes the newest snapshot and joins by an external commit (RFC 9420, section 12.4.3.2):
//!    [`CallGroup::join`]. If the log is further by then, it refuses; the joiner takes the newer snapshot and joins again.
//! 3. Every member checks that the joiner's account is in the invited list, which stands in the group context.
//! 4. Who leaves says so with [`CallGroup::seal_left`]; another member then removes its leaf, and the keys change. Who vanishes
//!    is removed likewise. Coming back is joining again.
//! 5. After every commit [`CallGroup::media_keys`] gives the new keys for the browser's worker.
//!
//! Every entry of the log is sealed once more under the join secret, because MLS shows an external commit's sender in the clear.

mod invited;
mod secrets;

use std::collections::BTreeSet;

use openmls::messages::group_info::{GroupInfo, VerifiableGroupInfo};
use openmls::prelude::{LeafNodeIndex, LeafNodeParameters, MlsGroup, MlsMessageBodyIn, MlsMessageOut, StagedCommit};
use openmls_traits::OpenMlsProvider as _;
use prost::Message as _;
use rand::Rng;
use umweg_wire::limits::{INVITED_MAX, PARTICIPANTS_MAX};
use umweg_wire::proto::sealed::{CallContent, CallLeft, CallSnapshot, SeenChain, call_content};
use umweg_wire::proto::v1::EntryKind;
use umweg_wire::{AccountId, LogId};
use zeroize::Zeroizing;

pub use secrets::{CallSecrets, OpenError};

use crate::labels::{CALL_CODE, EXTENSION_INVITED, SFRAME_BASE_KEY, SUITE_CALL};
use crate::mls::{self, Change as Examined, Entrance, Handled, Policy};
pub use crate::mls::{CommitError, HandleError, Member, SealError};
use crate::safety::digits;
use crate::sframe::{BASE_KEY_BYTES, MediaKeys, base_key};
use crate::store::{Store, StoreError};
use crate::{Device, Refusal, Verified};

/// The rules of calls.
const POLICY: Policy = Policy {
    suite: SUITE_CALL,
    leaves_max: PARTICIPANTS_MAX,
    extension: EXTENSION_INVITED,
    may_change: invited::may_change,
    entrance: Entrance::BySelf { admits: invited::admits },
};
/// Groups of five digits in a call's code: about 100 bits.
const CODE_GROUPS: usize = 6;

/// A call's group, for as long as the caller's transaction.
pub struct CallGroup {
    group: MlsGroup,
}

/// A commit for the call's log, with the snapshot that goes with it.
pub struct CallCommit {
    /// The entry.
    pub commit: Vec<u8>,
    /// The sealed public group state after it.
    pub snapshot: Vec<u8>,
}

/// What an entry of a call's log says.
pub enum ReceivedInCall {
    /// Somebody leaves; its leaf is to be removed.
    Left {
        /// Who.
        by: Verified,
        /// Its leaf.
        leaf: u32,
        /// What the sender had seen of the log.
        seen: Option<SeenChain>,
    },
    /// Somebody's change of the group, to be accepted or refused.
    Commit(StagedInCall),
    /// What this device sent. A pending commit is to be merged.
    Own,
}

/// A change that was checked and waits.
pub struct StagedInCall {
    /// What it does.
    pub change: CallChange,
    commit: Box<StagedCommit>,
}

/// What a commit does to a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallChange {
    /// Who made it.
    pub by: Verified,
    /// Who comes in: nobody, or `by`.
    pub joined: Option<Verified>,
    /// Who goes. A device that joins again takes its former leaf away.
    pub removed: Vec<Member>,
    /// Whether this device is among them.
    pub removes_me: bool,
    /// The list of invited accounts, if it changes.
    pub invited: Option<Vec<AccountId>>,
}

/// Why a call was not joined.
#[derive(Debug, thiserror::Error)]
pub enum JoinCallError {
    /// The snapshot does not open.
    #[error(transparent)]
    PeerSnapshot(#[from] OpenError),
    /// The snapshot is not a call's, or one that RFC 9420 forbids.
    #[error("join by a call's public state")]
    PeerInvalid,
    /// Not a group as ours are, or this account was not invited, or the call is full.
    #[error("accept a call")]
    PeerRefused(#[from] Refusal),
    /// The database failed.
    #[error(transparent)]
    OursStore(#[from] StoreError),
}

impl CallGroup {
    /// A new call, with this device alone in it, and the commit that leaves its first snapshot; it is pending.
    pub fn create(
        store: &Store<'_>,
        device: &Device,
        secrets: &CallSecrets,
        invited: &[AccountId],
        rng: &mut impl Rng,
    ) -> Result<(Self, CallCommit), CommitError> {
        let mut accounts: BTreeSet<_> = invited.iter().copied().collect();
        accounts.insert(own_account(device));
        let list = list_of(&accounts)?;
        let config = mls::create_config(SUITE_CALL, mls::context(EXTENSION_INVITED, list));
        let id = mls::group_id(secrets.log_id());
        let group =
            MlsGroup::new_with_group_id(store, &device.key, &config, id, mls::credential(device)).map_err(StoreError::new)?;
        let mut call = Self { group };
        let commit = call.update(store, device, secrets, rng)?;
        Ok((call, commit))
    }

    /// The one of that log, if this device is or was in it.
    pub fn load(store: &Store<'_>, log: LogId) -> Result<Option<Self>, StoreError> {
        Ok(MlsGroup::load(store.storage(), &mls::group_id(log))?.map(|group| Self { group }))
    }

    /// Joins a running call, for the first time, or again: what the store held of it is replaced. The group that comes back is
    /// of the epoch after the commit; if the log refuses the commit, it is void, and is replaced by joining again. The caller
    /// rolls back if it fails.
    pub fn join(
        store: &Store<'_>,
        device: &Device,
        secrets: &CallSecrets,
        snapshot: &[u8],
        rng: &mut impl Rng,
    ) -> Result<(Self, CallCommit), JoinCallError> {
        Self::delete(store, secrets.log_id())?;
        let (mut group, commit, info) = join_group(store, device, public_state(secrets, snapshot)?)?;
        let checked = mls::check_group(&POLICY, &group).map_err(JoinCallError::from);
        let Some(info) = info.filter(|_| group.group_id().as_slice() == secrets.log_id().0) else {
            group.delete(store.storage()).map_err(StoreError::new)?;
            return Err(JoinCallError::PeerInvalid);
        };
        if let Err(refusal) = checked {
            group.delete(store.storage()).map_err(StoreError::new)?;
            return Err(refusal);
        }
        store.remember_commit(group.group_id().as_slice(), &commit)?;
        let commit = CallCommit { commit: secrets.seal_entry(&commit, rng), snapshot: snapshot_of(secrets, info, rng)? };
        Ok((Self { group }, commit))
    }

    /// Forgets a call's keys.
    pub fn delete(store: &Store<'_>, log: LogId) -> Result<(), StoreError> {
        if let Some(mut call) = Self::load(store, log)? {
            call.group.delete(store.storage())?;
        }
        store.forget_commit(&log.0)
    }

    /// Whether this device is still in it.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.group.is_active()
    }

    /// How many valid commits there were.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.group.epoch().as_u64()
    }

    /// This device's leaf.
    #[must_use]
    pub fn own_leaf(&self) -> u32 {
        self.group.own_leaf_index().u32()
    }

    /// Who is in the call.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        mls::members(&self.group).expect("every member was checked when it was let in")
    }

    /// Who may join it, and may have.
    #[must_use]
    pub fn invited(&self) -> Vec<AccountId> {
        self.invited_set().into_iter().collect()
    }

    /// Reads an entry of the call's log.
    pub fn handle(
        &mut self,
        store: &Store<'_>,
        secrets: &CallSecrets,
        payload: &[u8],
        kind: EntryKind,
    ) -> Result<ReceivedInCall, HandleError> {
        let message = secrets.open_entry(payload).map_err(|_| HandleError::PeerMalformed)?;
        match mls::handle(&mut self.group, store, &POLICY, &message, kind)? {
            Handled::Application { from, plain } => {
                let content = CallContent::decode(plain.as_slice()).map_err(|_| HandleError::PeerMalformed)?;
                match content.body {
                    Some(call_content::Body::Left(CallLeft {})) => {
                        Ok(ReceivedInCall::Left { by: from.identity, leaf: from.leaf, seen: content.seen })
                    }
                    None => Err(HandleError::PeerMalformed),
                }
            }
            Handled::Commit(change, commit) => Ok(ReceivedInCall::Commit(StagedInCall { change: change.into(), commit })),
            Handled::Own => Ok(ReceivedInCall::Own),
        }
    }

    /// Takes somebody's change. A pending one of ours is dropped.
    pub fn accept(&mut self, store: &Store<'_>, staged: StagedInCall) -> Result<(), StoreError> {
        mls::accept(&mut self.group, store, *staged.commit)
    }

    /// Leaves somebody's change alone; every member must do so for the same reason, or the group forks.
    pub fn refuse(&self, staged: StagedInCall) {
        drop(staged);
    }

    /// Lets more accounts join.
    pub fn invite(
        &mut self,
        store: &Store<'_>,
        device: &Device,
        secrets: &CallSecrets,
        who: &[AccountId],
        rng: &mut impl Rng,
    ) -> Result<CallCommit, CommitError> {
        let mut accounts = self.invited_set();
        accounts.extend(who);
        let extensions = mls::context(EXTENSION_INVITED, list_of(&accounts)?);
        let committed = mls::commit(&mut self.group, store, device, &POLICY, |builder| {
            builder.propose_group_context_extensions(extensions).map_err(|error| CommitError::Impossible(error.to_string()))
        })?;
        sealed(secrets, committed, rng)
    }

    /// Removes who left or vanished.
    pub fn remove(
        &mut self,
        store: &Store<'_>,
        device: &Device,
        secrets: &CallSecrets,
        leaf: u32,
        rng: &mut impl Rng,
    ) -> Result<CallCommit, CommitError> {
        if leaf == self.own_leaf() || !self.members().iter().any(|member| member.leaf == leaf) {
            return Err(CommitError::NotAMember);
        }
        let leaf = LeafNodeIndex::new(leaf);
        let committed = mls::commit(&mut self.group, store, device, &POLICY, |builder| Ok(builder.propose_removals([leaf])))?;
        sealed(secrets, committed, rng)
    }

    /// Gives this device's leaf new keys.
    pub fn update(
        &mut self,
        store: &Store<'_>,
        device: &Device,
        secrets: &CallSecrets,
        rng: &mut impl Rng,
    ) -> Result<CallCommit, CommitError> {
        let committed = mls::commit(&mut self.group, store, device, &POLICY, |builder| Ok(builder.force_self_update(true)))?;
        sealed(secrets, committed, rng)
    }

    /// Says that this device leaves; another one will remove its leaf.
    pub fn seal_left(
        &mut self,
        store: &Store<'_>,
        device: &Device,
        secrets: &CallSecrets,
        seen: Option<SeenChain>,
        rng: &mut impl Rng,
    ) -> Result<Vec<u8>, SealError> {
        let content = CallContent { seen, body: Some(call_content::Body::Left(CallLeft {})) };
        let message = mls::seal(&mut self.group, store, device, content.encode_to_vec())?;
        Ok(secrets.seal_entry(&message, rng))
    }

    /// Takes our own pending change: the log has it. After [`Self::join`] there is none, and nothing happens.
    pub fn merge_pending(&mut self, store: &Store<'_>) -> Result<(), StoreError> {
        self.group.merge_pending_commit(store).map_err(StoreError::new)
    }

    /// Forgets our own pending change; only if the log has said that it did not take it.
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
    pub fn pending_change(&self) -> Option<CallChange> {
        mls::pending_change(&self.group, &POLICY)?.ok().map(CallChange::from)
    }

    /// The media keys of this epoch.
    pub fn media_keys(&self, store: &Store<'_>, secrets: &CallSecrets) -> Result<MediaKeys, StoreError> {
        let exported = self.group.export_secret(store.crypto(), SFRAME_BASE_KEY, &[], BASE_KEY_BYTES);
        let exported = Zeroizing::new(exported.map_err(StoreError::new)?);
        Ok(MediaKeys { epoch: self.epoch(), base_key: base_key(secrets.join_secret(), &exported), leaf: self.own_leaf() })
    }

    /// What the participants can read to each other: the same for all of an epoch, and for nobody else.
    pub fn code(&self, store: &Store<'_>) -> Result<String, StoreError> {
        let exported = self.group.export_secret(store.crypto(), CALL_CODE, &[], 5 * CODE_GROUPS).map_err(StoreError::new)?;
        Ok(digits(&exported, CODE_GROUPS))
    }

    fn invited_set(&self) -> BTreeSet<AccountId> {
        mls::extension(self.group.extensions(), EXTENSION_INVITED).ok().and_then(invited::from_bytes).unwrap_or_default()
    }
}

impl From<Examined> for CallChange {
    fn from(change: Examined) -> Self {
        let invited = change.extension.as_deref().and_then(invited::from_bytes);
        Self {
            joined: change.added.into_iter().next(),
            by: change.by,
            removed: change.removed,
            removes_me: change.removes_me,
            invited: invited.map(|accounts| accounts.into_iter().collect()),
        }
    }
}

fn own_account(device: &Device) -> AccountId {
    let key =
        device.certificate.account_key.as_slice().try_into().expect("a device's own certificate was issued by an account key");
    crate::account_id(key)
}

fn list_of(accounts: &BTreeSet<AccountId>) -> Result<Vec<u8>, CommitError> {
    if accounts.len() > INVITED_MAX { Err(Refusal::Full.into()) } else { Ok(invited::to_bytes(accounts)) }
}

fn public_state(secrets: &CallSecrets, snapshot: &[u8]) -> Result<VerifiableGroupInfo, JoinCallError> {
    let snapshot = secrets.open_snapshot(snapshot)?;
    let snapshot = CallSnapshot::decode(snapshot.as_slice()).map_err(|_| OpenError::PeerMalformed)?;
    match mls::decode(&snapshot.group_info) {
        Some(MlsMessageBodyIn::GroupInfo(info)) if info.ciphersuite() == SUITE_CALL => Ok(info),
        _ => Err(OpenError::PeerMalformed.into()),
    }
}

type Joined = (MlsGroup, Vec<u8>, Option<GroupInfo>);

fn join_group(store: &Store<'_>, device: &Device, info: VerifiableGroupInfo) -> Result<Joined, JoinCallError> {
    let parameters = LeafNodeParameters::builder().with_capabilities(mls::capabilities()).build();
    let invalid = |error: String| {
        tracing::debug!(error, "a call's public state was refused");
        JoinCallError::PeerInvalid
    };
    let (group, bundle) = MlsGroup::external_commit_builder()
        .with_config(mls::join_config())
        .skip_lifetime_validation()
        .build_group(store, info, mls::credential(device))
        .map_err(|error| invalid(error.to_string()))?
        .leaf_node_parameters(parameters)
        .load_psks(store.storage())
        .map_err(|error| invalid(error.to_string()))?
        .build(store.rand(), store.crypto(), &device.key, |_| true)
        .map_err(|error| invalid(error.to_string()))?
        .finalize(store)
        .map_err(StoreError::new)?;
    let (commit, _, info) = bundle.into_contents();
    Ok((group, mls::encode(&commit)?, info))
}

fn sealed(secrets: &CallSecrets, committed: mls::Committed, rng: &mut impl Rng) -> Result<CallCommit, CommitError> {
    let info = committed.group_info.ok_or_else(|| CommitError::Impossible("no public state was made".into()))?;
    Ok(CallCommit { commit: secrets.seal_entry(&committed.commit, rng), snapshot: snapshot_of(secrets, info, rng)? })
}

fn snapshot_of(secrets: &CallSecrets, info: GroupInfo, rng: &mut impl Rng) -> Result<Vec<u8>, StoreError> {
    let snapshot = CallSnapshot { group_info: mls::encode(&MlsMessageOut::from(info))? };
    Ok(secrets.seal_snapshot(&snapshot.encode_to_vec(), rng))
}
