//! MLS state, in the SQLite transaction of whoever calls.
//!
//! OpenMLS writes many small rows for each step and promises nothing about them together. So a [`Store`] borrows the caller's
//! connection, inside the caller's transaction: MLS state, messages, cursors and outbox become durable together, or not at all.
//!
//! Randomness comes from the given generator, with one exception: OpenMLS's crypto provider seeds HPKE encapsulation (RFC 9180)
//! from the operating system and offers no other way.

use std::cell::RefCell;
use std::convert::Infallible;

use openmls_rust_crypto::RustCrypto;
use openmls_sqlite_storage::{Codec, SqliteStorageProvider};
use openmls_traits::OpenMlsProvider;
use openmls_traits::random::OpenMlsRand;
use rand::{Rng, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use rusqlite::{Connection, OptionalExtension as _};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The device's own database failed, or holds what this version cannot read. The caller rolls back.
#[derive(Debug, thiserror::Error)]
#[error("keep the state of encrypted groups")]
pub struct StoreError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl StoreError {
    pub(crate) fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(error.into())
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(error)
    }
}

/// MLS state on a connection.
pub struct Store<'c> {
    connection: &'c Connection,
    storage: SqliteStorageProvider<Cbor, &'c Connection>,
    crypto: RustCrypto,
    rand: Seeded,
}

impl<'c> Store<'c> {
    /// On the connection and in the transaction that is open on it.
    pub fn new(connection: &'c Connection, rng: &mut impl Rng) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self {
            connection,
            storage: SqliteStorageProvider::new(connection),
            crypto: RustCrypto::default(),
            rand: Seeded(RefCell::new(ChaCha20Rng::from_seed(*seed))),
        }
    }

    /// Remembers the newest commit of our own in a group, so that its echo is known. (An MLS member cannot read what it sealed
    /// itself, and who claims to be the sender of a commit is not authenticated before it is read.)
    pub(crate) fn remember_commit(&self, group: &[u8], commit: &[u8]) -> Result<(), StoreError> {
        let hash: [u8; 32] = Sha256::digest(commit).into();
        self.connection.execute("INSERT OR REPLACE INTO seal_own_commit (group_id, hash) VALUES (?1, ?2)", (group, hash))?;
        Ok(())
    }

    /// Whether it is that one.
    pub(crate) fn is_own_commit(&self, group: &[u8], commit: &[u8]) -> Result<bool, StoreError> {
        let hash: [u8; 32] = Sha256::digest(commit).into();
        let query = "SELECT hash FROM seal_own_commit WHERE group_id = ?1";
        let known: Option<[u8; 32]> = self.connection.query_row(query, (group,), |row| row.get(0)).optional()?;
        Ok(known == Some(hash))
    }

    /// Forgets it.
    pub(crate) fn forget_commit(&self, group: &[u8]) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM seal_own_commit WHERE group_id = ?1", (group,))?;
        Ok(())
    }
}

impl<'c> OpenMlsProvider for Store<'c> {
    type CryptoProvider = RustCrypto;
    type RandProvider = Seeded;
    type StorageProvider = SqliteStorageProvider<Cbor, &'c Connection>;

    fn storage(&self) -> &Self::StorageProvider {
        &self.storage
    }

    fn crypto(&self) -> &Self::CryptoProvider {
        &self.crypto
    }

    fn rand(&self) -> &Self::RandProvider {
        &self.rand
    }
}

/// Brings the tables of this crate up to date. Once, before the first [`Store`], outside of a transaction.
pub fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    SqliteStorageProvider::<Cbor, &mut Connection>::new(connection).run_migrations().map_err(StoreError::new)?;
    let own = "CREATE TABLE IF NOT EXISTS seal_own_commit (group_id BLOB PRIMARY KEY, hash BLOB NOT NULL) STRICT, WITHOUT ROWID";
    connection.execute_batch(own)?;
    Ok(())
}

/// Random numbers for OpenMLS, from the caller's seed.
pub struct Seeded(RefCell<ChaCha20Rng>);

impl std::fmt::Debug for Seeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("seeded(…)")
    }
}

impl OpenMlsRand for Seeded {
    type Error = Infallible;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Infallible> {
        let mut bytes = [0; N];
        self.0.borrow_mut().fill_bytes(&mut bytes);
        Ok(bytes)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, Infallible> {
        let mut bytes = vec![0; len];
        self.0.borrow_mut().fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

/// CBOR (RFC 8949): how MLS state is stored.
#[derive(Default)]
pub struct Cbor;

impl Codec for Cbor {
    type Error = CborError;

    fn to_vec<T: serde::Serialize>(value: &T) -> Result<Vec<u8>, CborError> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).map_err(|error| CborError(error.to_string()))?;
        Ok(bytes)
    }

    fn from_slice<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, CborError> {
        ciborium::from_reader(bytes).map_err(|error| CborError(error.to_string()))
    }
}

/// Stored state that is not what this version writes.
#[derive(Debug, thiserror::Error)]
#[error("read or write stored state: {0}")]
pub struct CborError(String);
