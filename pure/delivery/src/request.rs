//! Requests that have every part in its right form. What comes of `TryFrom` needs no more looking at but against its log.

use umweg_wire::proto::v1;
use umweg_wire::{BlobId, Capability, CapabilityHash, ClientId, Epoch, LogId, MalformedId, Seq, limits};

use crate::{LogKind, Refusal};

/// Makes a log.
#[derive(Clone)]
pub struct Create {
    pub log: LogId,
    pub kind: LogKind,
    pub read_hash: CapabilityHash,
    pub append_hash: CapabilityHash,
}

/// Appends to one.
#[derive(Clone)]
pub struct Append {
    pub log: LogId,
    pub capability: Capability,
    pub client_id: ClientId,
    pub epoch: Epoch,
    /// The newest entry that the sender has.
    pub after: Seq,
    pub payload: Vec<u8>,
    pub what: What,
}

/// What is appended.
#[derive(Clone)]
pub enum What {
    Message,
    Commit {
        rotate_to: Option<CapabilityHash>,
        snapshot: Option<Vec<u8>>,
    },
    Resync,
    /// Never stored.
    Ephemeral,
}

/// Reads entries.
#[derive(Clone)]
pub struct Read {
    pub log: LogId,
    pub capability: Capability,
    pub after: Seq,
}

/// Forgets an inbox's entries.
#[derive(Clone)]
pub struct Trim {
    pub log: LogId,
    pub capability: Capability,
    pub up_to: Seq,
}

/// Asks for what needs no more than the capability: a snapshot, a key package, admission to a call.
#[derive(Clone)]
pub struct Show {
    pub log: LogId,
    pub capability: Capability,
}

/// Leaves key packages.
#[derive(Clone)]
pub struct Publish {
    pub log: LogId,
    pub capability: Capability,
    pub key_packages: Vec<Vec<u8>>,
    pub last_resort: Option<Vec<u8>>,
    pub replace: bool,
}

/// Announces a blob.
#[derive(Clone)]
pub struct PutBlob {
    pub blob: BlobId,
    pub read_hash: CapabilityHash,
    pub bytes: u64,
}

/// Asks for one.
#[derive(Clone)]
pub struct GetBlob {
    pub blob: BlobId,
    pub capability: Capability,
    pub offset: u64,
}

impl TryFrom<&v1::CreateLogRequest> for Create {
    type Error = Refusal;
    fn try_from(request: &v1::CreateLogRequest) -> Result<Self, Refusal> {
        let kind = match request.kind() {
            v1::LogKind::Inbox => LogKind::Inbox,
            v1::LogKind::Group => LogKind::Group,
            v1::LogKind::Unspecified => return Err(Refusal::Invalid("the log's kind is missing or unknown")),
        };
        let create =
            Self { log: id(&request.log_id)?, kind, read_hash: id(&request.read_hash)?, append_hash: id(&request.append_hash)? };
        let alike = create.read_hash == create.append_hash;
        match kind {
            LogKind::Group if !alike => Err(Refusal::Invalid("a group log has one capability")),
            LogKind::Inbox if alike => Err(Refusal::Invalid("an inbox's two capabilities must differ")),
            LogKind::Group | LogKind::Inbox => Ok(create),
        }
    }
}

impl TryFrom<v1::AppendRequest> for Append {
    type Error = Refusal;
    fn try_from(request: v1::AppendRequest) -> Result<Self, Refusal> {
        let what = what(&request)?;
        let payload_max = if matches!(what, What::Ephemeral) { limits::EPHEMERAL_BYTES_MAX } else { limits::ENTRY_BYTES_MAX };
        within("the payload is empty or too long", &request.payload, payload_max)?;
        Ok(Self {
            log: id(&request.log_id)?,
            capability: capability(&request.capability)?,
            client_id: id(&request.client_id)?,
            epoch: Epoch(request.epoch),
            after: Seq(request.after),
            payload: request.payload,
            what,
        })
    }
}

impl TryFrom<&v1::Subscription> for Read {
    type Error = Refusal;
    fn try_from(request: &v1::Subscription) -> Result<Self, Refusal> {
        Ok(Self { log: id(&request.log_id)?, capability: capability(&request.capability)?, after: Seq(request.after) })
    }
}

impl TryFrom<&v1::TrimRequest> for Trim {
    type Error = Refusal;
    fn try_from(request: &v1::TrimRequest) -> Result<Self, Refusal> {
        Ok(Self { log: id(&request.log_id)?, capability: capability(&request.capability)?, up_to: Seq(request.up_to) })
    }
}

impl Show {
    /// From the two fields that many requests have.
    pub fn new(log: &[u8], shown: &[u8]) -> Result<Self, Refusal> {
        Ok(Self { log: id(log)?, capability: capability(shown)? })
    }
}

impl TryFrom<v1::PublishKeyPackagesRequest> for Publish {
    type Error = Refusal;
    fn try_from(request: v1::PublishKeyPackagesRequest) -> Result<Self, Refusal> {
        if request.key_packages.len() > limits::KEY_PACKAGES_MAX {
            return Err(Refusal::Full("an inbox does not hold so many key packages"));
        }
        for sealed in request.key_packages.iter().chain(some(&request.last_resort)) {
            within("a key package is empty or too long", sealed, limits::KEY_PACKAGE_BYTES_MAX)?;
        }
        Ok(Self {
            log: id(&request.log_id)?,
            capability: capability(&request.capability)?,
            key_packages: request.key_packages,
            last_resort: Some(request.last_resort).filter(|sealed| !sealed.is_empty()),
            replace: request.replace,
        })
    }
}

impl TryFrom<&v1::BlobHead> for PutBlob {
    type Error = Refusal;
    fn try_from(head: &v1::BlobHead) -> Result<Self, Refusal> {
        if head.bytes == 0 || head.bytes > limits::BLOB_BYTES_MAX {
            return Err(Refusal::Invalid("the file is empty or too long"));
        }
        Ok(Self { blob: id(&head.blob_id)?, read_hash: id(&head.read_hash)?, bytes: head.bytes })
    }
}

impl TryFrom<&v1::GetBlobRequest> for GetBlob {
    type Error = Refusal;
    fn try_from(request: &v1::GetBlobRequest) -> Result<Self, Refusal> {
        Ok(Self { blob: id(&request.blob_id)?, capability: capability(&request.capability)?, offset: request.offset })
    }
}

fn what(request: &v1::AppendRequest) -> Result<What, Refusal> {
    let with_commit = !request.rotate_to.is_empty() || !request.snapshot.is_empty();
    if with_commit && request.kind() != v1::EntryKind::Commit {
        return Err(Refusal::Invalid("only a commit rotates the capability or leaves a snapshot"));
    }
    if request.ephemeral && request.kind() != v1::EntryKind::Message {
        return Err(Refusal::Invalid("only a message can be ephemeral"));
    }
    match request.kind() {
        v1::EntryKind::Message if request.ephemeral => Ok(What::Ephemeral),
        v1::EntryKind::Message => Ok(What::Message),
        v1::EntryKind::Resync => Ok(What::Resync),
        v1::EntryKind::Commit => {
            if request.snapshot.len() > limits::SNAPSHOT_BYTES_MAX {
                return Err(Refusal::Invalid("the snapshot is too long"));
            }
            let rotate_to = some(&request.rotate_to).map(|hash| id(hash)).transpose()?;
            Ok(What::Commit { rotate_to, snapshot: some(&request.snapshot).cloned() })
        }
        v1::EntryKind::Unspecified => Err(Refusal::Invalid("the entry's kind is missing or unknown")),
    }
}

fn some(field: &Vec<u8>) -> Option<&Vec<u8>> {
    Some(field).filter(|bytes| !bytes.is_empty())
}

fn id<'a, T: TryFrom<&'a [u8], Error = MalformedId>>(bytes: &'a [u8]) -> Result<T, Refusal> {
    T::try_from(bytes).map_err(|_| Refusal::Invalid("an id, hash or capability has the wrong length"))
}

fn capability(bytes: &[u8]) -> Result<Capability, Refusal> {
    id(bytes)
}

fn within(complaint: &'static str, bytes: &[u8], bytes_max: usize) -> Result<(), Refusal> {
    if bytes.is_empty() || bytes.len() > bytes_max { Err(Refusal::Invalid(complaint)) } else { Ok(()) }
}
