//! How our groups are set up.

use openmls::prelude::{
    BasicCredential, Capabilities, CredentialType, CredentialWithKey, ExtensionType, Extensions, GroupContext, Lifetime,
    MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProtocolVersion, SenderRatchetConfiguration,
};
use openmls_traits::types::Ciphersuite;

use crate::Device;
use crate::labels::{EXTENSION_INVITED, EXTENSION_NAME, SUITE_CALL, SUITE_CONVERSATION};

/// The log orders everything, so messages of one sender come in order; the tolerance covers what was sealed but never sent.
const OUT_OF_ORDER_TOLERANCE: u32 = 50;
/// So many messages of one sender and epoch may be missing before the next one that is read.
const FORWARD_DISTANCE_MAX: u32 = 2_000;
/// The log refuses messages of a past epoch, so no past epoch's secrets are kept.
const PAST_EPOCHS: usize = 0;

/// How a group is made.
pub(crate) fn create_config(suite: Ciphersuite, extensions: Extensions<GroupContext>) -> MlsGroupCreateConfig {
    MlsGroupCreateConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .max_past_epochs(PAST_EPOCHS)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(ratchet())
        .lifetime(lifetime())
        .ciphersuite(suite)
        .capabilities(capabilities())
        .with_group_context_extensions(extensions)
        .build()
}

/// How a group is joined.
pub(crate) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .max_past_epochs(PAST_EPOCHS)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(ratchet())
        .build()
}

/// What our leaves can do.
pub(crate) fn capabilities() -> Capabilities {
    let extensions = [ExtensionType::LastResort, ExtensionType::Unknown(EXTENSION_NAME), ExtensionType::Unknown(EXTENSION_INVITED)];
    Capabilities::new(
        Some(&[ProtocolVersion::Mls10]),
        Some(&[SUITE_CONVERSATION, SUITE_CALL]),
        Some(&extensions),
        Some(&[]),
        Some(&[CredentialType::Basic]),
    )
}

/// Leaves do not expire.
///
/// OpenMLS would compare a lifetime with the system's clock whenever a commit is read. A device with a wrong clock, or one that
/// reads the log half a year later, would then refuse what the others accepted, and fork. Key packages are replaced by who left
/// them, and a compromised device is removed by a commit.
pub(crate) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

/// A device as an MLS credential.
pub(crate) fn credential(device: &Device) -> CredentialWithKey {
    CredentialWithKey {
        credential: BasicCredential::new(device.encoded_certificate()).into(),
        signature_key: device.key.public().as_slice().into(),
    }
}

fn ratchet() -> SenderRatchetConfiguration {
    SenderRatchetConfiguration::new(OUT_OF_ORDER_TOLERANCE, FORWARD_DISTANCE_MAX)
}
