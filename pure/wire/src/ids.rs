//! Ids and secrets by role. Swapped arguments don't compile, and none of them shows itself in a log.

use rand::Rng;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// Bytes that are not an id of the wanted role.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{role} must be {expected} bytes long, not {got}")]
pub struct MalformedId {
    /// What it was to be.
    pub role: &'static str,
    /// Its length in bytes.
    pub expected: usize,
    /// What came.
    pub got: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal, $role:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// A new one.
            pub fn random(rng: &mut impl Rng) -> Self {
                let mut bytes = [0; $len];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// As a message field wants it.
            #[must_use]
            pub fn to_vec(self) -> Vec<u8> {
                self.0.to_vec()
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = MalformedId;
            fn try_from(bytes: &[u8]) -> Result<Self, MalformedId> {
                bytes.try_into().map(Self).map_err(|_| MalformedId { role: $role, expected: $len, got: bytes.len() })
            }
        }

        impl TryFrom<&Vec<u8>> for $name {
            type Error = MalformedId;
            fn try_from(bytes: &Vec<u8>) -> Result<Self, MalformedId> {
                bytes.as_slice().try_into()
            }
        }

        /// Says the role only: ids stay out of logs.
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!($role, "(…)"))
            }
        }

        /// Base64url without padding: how the pages name it.
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&data_encoding::BASE64URL_NOPAD.encode(&self.0))
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl std::str::FromStr for $name {
            type Err = MalformedId;
            fn from_str(text: &str) -> Result<Self, MalformedId> {
                let bytes = data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).unwrap_or_default();
                bytes.as_slice().try_into()
            }
        }

        impl ts_rs::TS for $name {
            type WithoutGenerics = Self;
            type OptionInnerType = Self;
            fn name(_: &ts_rs::Config) -> String { "string".to_owned() }
            fn inline(_: &ts_rs::Config) -> String { "string".to_owned() }
        }
    };
}

id!(/// Names a log; whoever knows it can do nothing with it alone.
    LogId, 32, "log id");
id!(/// SHA-256 of a capability: what a log holds.
    CapabilityHash, 32, "capability hash");
id!(/// Makes an append idempotent.
    ClientId, 16, "client id");
id!(/// Names a message inside its conversation.
    MessageId, 16, "message id");
id!(/// Names a call.
    CallId, 16, "call id");
id!(/// SHA-256 of an account's public key, under a label: `umweg_seal::account`.
    AccountId, 32, "account id");
id!(/// Names a sealed file.
    BlobId, 32, "blob id");
id!(/// A participant's proof towards the SFU; it goes before every datagram.
    Ticket, 16, "ticket");
id!(/// A log's chain hash at one entry.
    ChainHash, 32, "chain hash");

/// A bearer secret that opens a log or a blob. It is wiped when dropped and compared only as a hash.
#[derive(Clone, PartialEq, Eq, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct Capability([u8; 32]);

impl Capability {
    /// From bytes that were derived or read.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new one.
    pub fn random(rng: &mut impl Rng) -> Self {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        let capability = Self(bytes);
        bytes.zeroize();
        capability
    }

    /// What the log holds of it.
    #[must_use]
    pub fn hash(&self) -> CapabilityHash {
        CapabilityHash(Sha256::digest(self.0).into())
    }

    /// To be shown to the service, or stored in the device's own encrypted database.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl TryFrom<&[u8]> for Capability {
    type Error = MalformedId;
    fn try_from(bytes: &[u8]) -> Result<Self, MalformedId> {
        bytes.try_into().map(Self).map_err(|_| MalformedId { role: "capability", expected: 32, got: bytes.len() })
    }
}

impl std::fmt::Debug for Capability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("capability(…)")
    }
}

impl CapabilityHash {
    /// Whether this is the hash of what was shown, in a time that tells nothing.
    #[must_use]
    pub fn admits(&self, shown: &Capability) -> bool {
        subtle::ConstantTimeEq::ct_eq(&self.0[..], &shown.hash().0[..]).into()
    }
}

/// A log's epoch: how many commits the service has accepted in it. (The MLS epoch counts the valid ones.)
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

/// An entry's number in its log: 1, 2, 3 … Zero stands before the first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Seq(pub u64);

impl Seq {
    /// The entry after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_the_wrong_length_is_refused_with_its_role() {
        let refused = LogId::try_from(&[0u8; 31][..]).unwrap_err();
        assert_eq!(refused.to_string(), "log id must be 32 bytes long, not 31");
    }

    #[test]
    fn nothing_shows_itself() {
        assert_eq!(format!("{:?}", LogId([7; 32])), "log id(…)");
        assert_eq!(format!("{:?}", Capability::new([7; 32])), "capability(…)");
    }

    #[test]
    fn only_the_capability_itself_is_admitted() {
        let capability = Capability::new([1; 32]);
        assert!(capability.hash().admits(&capability));
        assert!(!capability.hash().admits(&Capability::new([2; 32])));
    }

    #[test]
    fn an_id_survives_the_pages() {
        let id = CallId([9; 16]);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<CallId>(&json).unwrap(), id);
    }
}
