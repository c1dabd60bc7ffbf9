//! Commits of our own: made, kept pending, merged when the log has taken them.

use openmls::messages::group_info::GroupInfo;
use openmls::prelude::{CommitBuilder, Initial, MlsGroup, MlsMessageOut, Sender, StagedCommit};
use openmls_traits::OpenMlsProvider as _;

use super::framing::encode;
use super::policy::{Change, Policy, examine};
use crate::store::{Store, StoreError};
use crate::{Device, Refusal};

/// Why no commit was made.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// One is under way: it must be merged or cleared first.
    #[error("change a group while another change is under way")]
    Pending,
    /// This device is no longer in the group.
    #[error("change a group that this device is no longer in")]
    Removed,
    /// Nobody there whom it would concern.
    #[error("find the member that is to be changed")]
    NotAMember,
    /// The name is too long.
    #[error("use a name that is too long")]
    NameTooLong,
    /// The others would refuse it.
    #[error("make a change that the others would accept")]
    Refused(#[from] Refusal),
    /// OpenMLS would not make it.
    #[error("make this change of the group: {0}")]
    Impossible(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A commit that waits for its place in the log.
pub(crate) struct Committed {
    pub(crate) commit: Vec<u8>,
    pub(crate) welcome: Option<Vec<u8>>,
    pub(crate) group_info: Option<GroupInfo>,
    pub(crate) change: Change,
}

/// Makes a commit; the group keeps it pending. The rules are asked first as the others will ask them.
pub(crate) fn commit(
    group: &mut MlsGroup,
    store: &Store<'_>,
    device: &Device,
    policy: &Policy,
    build: impl for<'a> FnOnce(CommitBuilder<'a, Initial>) -> Result<CommitBuilder<'a, Initial>, CommitError>,
) -> Result<Committed, CommitError> {
    if !group.is_active() {
        return Err(CommitError::Removed);
    }
    if group.pending_commit().is_some() {
        return Err(CommitError::Pending);
    }
    let bundle = build(group.commit_builder())?
        .load_psks(store.storage())
        .map_err(impossible)?
        .build(store.rand(), store.crypto(), &device.key, |_| true)
        .map_err(impossible)?
        .stage_commit(store)
        .map_err(StoreError::new)?;
    let change = match pending_change(group, policy) {
        Some(Ok(change)) => change,
        Some(Err(refusal)) => {
            clear_pending(group, store)?;
            return Err(refusal.into());
        }
        None => return Err(CommitError::Impossible("nothing was staged".into())),
    };
    let (commit, welcome, group_info) = bundle.into_contents();
    let welcome = welcome
        .map(|welcome| encode(&MlsMessageOut::from_welcome(welcome, openmls::prelude::ProtocolVersion::Mls10)))
        .transpose()?;
    let commit = encode(&commit)?;
    store.remember_commit(group.group_id().as_slice(), &commit)?;
    Ok(Committed { commit, welcome, group_info, change })
}

/// Takes somebody's commit, which was checked; a pending one of ours is dropped.
pub(crate) fn accept(group: &mut MlsGroup, store: &Store<'_>, staged: StagedCommit) -> Result<(), StoreError> {
    let next = staged.group_context().group_id() == group.group_id() && staged.epoch().as_u64() == group.epoch().as_u64() + 1;
    if !next {
        return Err(StoreError::new("the change was checked against another state of the group"));
    }
    store.forget_commit(group.group_id().as_slice())?;
    group.merge_staged_commit(store, staged).map_err(StoreError::new)
}

/// What the pending commit will do.
pub(crate) fn pending_change(group: &MlsGroup, policy: &Policy) -> Option<Result<Change, Refusal>> {
    group.pending_commit().map(|commit| examine(policy, group, &Sender::Member(group.own_leaf_index()), commit))
}

/// Forgets the pending commit: the log did not take it.
pub(crate) fn clear_pending(group: &mut MlsGroup, store: &Store<'_>) -> Result<(), StoreError> {
    group.clear_pending_commit(store.storage())?;
    store.forget_commit(group.group_id().as_slice())
}

fn impossible(error: openmls::prelude::CreateCommitError) -> CommitError {
    CommitError::Impossible(error.to_string())
}
