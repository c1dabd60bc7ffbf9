//! What a commit may do in a group of ours. The decision depends on the group's state and the commit only, so that all members
//! decide alike; OpenMLS has checked before what RFC 9420 demands.

use openmls::prelude::{
    Extension, ExtensionType, Extensions, GroupContext, KeyPackage, LeafNode, MlsGroup, Proposal, ProposalOrRefType,
    RequiredCapabilitiesExtension, Sender, StagedCommit, UnknownExtension,
};
use openmls::treesync::LeafNodeSource;
use openmls_traits::types::Ciphersuite;
use umweg_wire::LogId;

use super::config::{capabilities, lifetime};
use super::leaf::{Member, member_at, verify_leaf};
use crate::{CertificateError, Verified};

/// The rules of a kind of group, as a value.
pub(crate) struct Policy {
    /// Its ciphersuite.
    pub(crate) suite: Ciphersuite,
    /// How many leaves it has at most.
    pub(crate) leaves_max: usize,
    /// The one extension of its group context.
    pub(crate) extension: u16,
    /// Whether that extension may change from the first to the second.
    pub(crate) may_change: fn(&[u8], &[u8]) -> bool,
    /// Who may come in.
    pub(crate) entrance: Entrance,
}

/// Who may come into a group.
#[derive(Clone, Copy)]
pub(crate) enum Entrance {
    /// Whom a member adds.
    ByMember,
    /// Who adds itself by an external commit, if it stands in the extension's list of accounts.
    BySelf { admits: fn(&[u8], &Verified) -> bool },
}

/// A rule that was broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// A certificate that is none.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A proposal that has no place in this kind of group.
    #[error("allow this kind of proposal")]
    Proposal,
    /// Somebody who was not let in by the rules.
    #[error("let in somebody who was not invited")]
    Entrance,
    /// A member who becomes another.
    #[error("let a member change who it is")]
    Identity,
    /// A leaf or key package that is not set up as ours are.
    #[error("accept a leaf that lacks what ours have")]
    Leaf,
    /// A group context that is not as ours are.
    #[error("accept this group context")]
    Context,
    /// More than there may be.
    #[error("let in more members than a group can have")]
    Full,
}

/// What a commit does.
pub(crate) struct Change {
    pub(crate) by: Verified,
    pub(crate) added: Vec<Verified>,
    pub(crate) removed: Vec<Member>,
    pub(crate) removes_me: bool,
    /// The extension's new content.
    pub(crate) extension: Option<Vec<u8>>,
}

/// What a commit does, if the rules allow it.
pub(crate) fn examine(policy: &Policy, group: &MlsGroup, sender: &Sender, commit: &StagedCommit) -> Result<Change, Refusal> {
    let (by, joins) = committer(policy, group, sender, commit)?;
    let mut change = Change { added: Vec::new(), removed: Vec::new(), removes_me: commit.self_removed(), extension: None, by };
    if joins {
        change.added.push(change.by.clone());
    }
    for queued in commit.queued_proposals() {
        if queued.proposal_or_ref_type() != ProposalOrRefType::Proposal {
            return Err(Refusal::Proposal);
        }
        apply(policy, group, joins, queued.proposal(), &mut change)?;
    }
    let leaves = (group.members().count() + change.added.len()).saturating_sub(change.removed.len());
    if leaves > policy.leaves_max { Err(Refusal::Full) } else { Ok(change) }
}

/// The content of a group context's one extension of ours. Beside it stands only that members must know it.
pub(crate) fn extension(extensions: &Extensions<GroupContext>, number: u16) -> Result<&[u8], Refusal> {
    let required = extensions.required_capabilities() == Some(&requirement(number));
    match (extensions.iter().count(), extensions.unknown(number)) {
        (2, Some(UnknownExtension(content))) if required => Ok(content),
        _ => Err(Refusal::Context),
    }
}

/// A group context's extensions: one of ours with that content, and that members must know it.
pub(crate) fn context(number: u16, content: Vec<u8>) -> Extensions<GroupContext> {
    let extensions =
        vec![Extension::RequiredCapabilities(requirement(number)), Extension::Unknown(number, UnknownExtension(content))];
    Extensions::from_vec(extensions).expect("both may stand in a group context, and they are two")
}

fn requirement(number: u16) -> RequiredCapabilitiesExtension {
    RequiredCapabilitiesExtension::new(&[ExtensionType::Unknown(number)], &[], &[])
}

/// Whether a key package is as ours are.
pub(crate) fn check_key_package(package: &KeyPackage) -> Result<Verified, Refusal> {
    let leaf = package.leaf_node();
    let known = package.extensions().iter().all(|extension| extension.extension_type() == ExtensionType::LastResort);
    let endless = matches!(leaf.leaf_node_source(), LeafNodeSource::KeyPackage(life) if *life == lifetime());
    if !known || !endless {
        return Err(Refusal::Leaf);
    }
    check_leaf(leaf)
}

/// Whether a group that this device has come to stand in is as ours are.
pub(crate) fn check_group(policy: &Policy, group: &MlsGroup) -> Result<(), Refusal> {
    let list = extension(group.extensions(), policy.extension)?;
    if group.ciphersuite() != policy.suite || group.group_id().as_slice().len() != LogId::LEN || !(policy.may_change)(list, list) {
        return Err(Refusal::Context);
    }
    for (_, leaf) in group.treesync().full_leaves() {
        let identity = check_leaf(leaf)?;
        match policy.entrance {
            Entrance::BySelf { admits } if !admits(list, &identity) => return Err(Refusal::Entrance),
            _ => {}
        }
    }
    if group.members().count() > policy.leaves_max { Err(Refusal::Full) } else { Ok(()) }
}

/// Who commits, and whether it joins by doing so.
fn committer(policy: &Policy, group: &MlsGroup, sender: &Sender, commit: &StagedCommit) -> Result<(Verified, bool), Refusal> {
    let path = commit.update_path_leaf_node().map(check_leaf).transpose()?;
    match (sender, policy.entrance) {
        (Sender::Member(leaf), _) => {
            let by = member_at(group, *leaf)?.identity;
            if path.is_some_and(|path| path != by) { Err(Refusal::Identity) } else { Ok((by, false)) }
        }
        (Sender::NewMemberCommit, Entrance::BySelf { admits }) => {
            let by = path.ok_or(Refusal::Leaf)?;
            let list = extension(group.extensions(), policy.extension)?;
            if admits(list, &by) { Ok((by, true)) } else { Err(Refusal::Entrance) }
        }
        _ => Err(Refusal::Entrance),
    }
}

fn apply(policy: &Policy, group: &MlsGroup, joins: bool, proposal: &Proposal, change: &mut Change) -> Result<(), Refusal> {
    match (proposal, policy.entrance) {
        (Proposal::Add(add), Entrance::ByMember) => change.added.push(check_key_package(add.key_package())?),
        (Proposal::ExternalInit(_), Entrance::BySelf { .. }) if joins => {}
        (Proposal::Remove(remove), _) => {
            let removed = member_at(group, remove.removed())?;
            // RFC 9420, section 12.2: who joins by itself may remove nobody but its own former leaf.
            if joins && removed.identity.device_key() != change.by.device_key() {
                return Err(Refusal::Proposal);
            }
            change.removed.push(removed);
        }
        (Proposal::GroupContextExtensions(proposal), _) if !joins => {
            let before = extension(group.extensions(), policy.extension)?;
            let after = extension(proposal.extensions(), policy.extension)?;
            if !(policy.may_change)(before, after) {
                return Err(Refusal::Context);
            }
            change.extension = Some(after.to_vec());
        }
        _ => return Err(Refusal::Proposal),
    }
    Ok(())
}

fn check_leaf(leaf: &LeafNode) -> Result<Verified, Refusal> {
    let plain = leaf.extensions().iter().next().is_none() && *leaf.capabilities() == capabilities();
    if plain { Ok(verify_leaf(leaf)?) } else { Err(Refusal::Leaf) }
}
