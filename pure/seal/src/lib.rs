//! End-to-end encryption: identities, inbox sealing, MLS groups for conversations and calls, media keys, codes to compare.
//!
//! Rooms, from the ground up:
//!
//! - [`identity`]: accounts, devices, certificates. [`safety`]: the codes that people compare.
//! - [`inbox`]: what somebody who is no member of anything yet can send. [`key_package`]: how one is added while offline.
//! - [`store`]: MLS state inside the caller's SQLite transaction. Nothing is kept beside it, so a rollback undoes everything.
//! - [`group`]: a conversation. [`call`]: a call, and the media keys of [`sframe`].
//!
//! Every byte that comes in has a size limit before it is parsed, every credential is checked, and what is refused is refused
//! by every member alike, because the decision depends on the group's state and the bytes only. No clock is asked.
#![forbid(unsafe_code)]

pub mod call;
mod envelope;
pub mod group;
pub mod identity;
pub mod inbox;
pub mod key_package;
pub mod labels;
mod mls;
mod padding;
pub mod safety;
pub mod sframe;
pub mod store;

pub use identity::{AccountKey, CertificateError, Device, DeviceKey, Verified, account_id, verify_certificate};
pub use key_package::{KeyPackageOf, new_key_packages};
pub use mls::{HandleError, Refusal};
pub use safety::safety_code;
pub use store::{Store, StoreError, migrate};
