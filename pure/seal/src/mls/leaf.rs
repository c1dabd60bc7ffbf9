//! Who stands in a leaf: its credential is a device certificate, and its signature key is the device's.

use openmls::prelude::{Credential, CredentialType, LeafNode, LeafNodeIndex, MlsGroup};

use crate::identity::verify_encoded;
use crate::{CertificateError, Verified};

/// A member of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its place in the group's tree.
    pub leaf: u32,
    /// Who it is.
    pub identity: Verified,
}

/// Who it is, if all is right with it.
pub(crate) fn verify_leaf(leaf: &LeafNode) -> Result<Verified, CertificateError> {
    verify(leaf.credential(), leaf.signature_key().as_slice())
}

/// Likewise, of a group's member.
pub(crate) fn verify_member(member: &openmls::prelude::Member) -> Result<Verified, CertificateError> {
    verify(&member.credential, &member.signature_key)
}

/// All members, in the order of their leaves.
pub(crate) fn members(group: &MlsGroup) -> Result<Vec<Member>, CertificateError> {
    let member = |member: openmls::prelude::Member| Ok(Member { leaf: member.index.u32(), identity: verify_member(&member)? });
    group.members().map(member).collect()
}

/// The member in a leaf.
pub(crate) fn member_at(group: &MlsGroup, leaf: LeafNodeIndex) -> Result<Member, CertificateError> {
    let member = group.member_at(leaf).ok_or(CertificateError::PeerMalformed)?;
    Ok(Member { leaf: leaf.u32(), identity: verify_member(&member)? })
}

fn verify(credential: &Credential, signature_key: &[u8]) -> Result<Verified, CertificateError> {
    if credential.credential_type() != CredentialType::Basic {
        return Err(CertificateError::PeerMalformed);
    }
    let verified = verify_encoded(credential.serialized_content())?;
    if verified.device_key() == signature_key { Ok(verified) } else { Err(CertificateError::PeerOtherDevice) }
}
