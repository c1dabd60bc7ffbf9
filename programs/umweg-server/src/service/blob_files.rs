//! Where the bytes of sealed files lie: an object store, by default a folder.
//!
//! An object is named by the blob's id and the upload's own random place. An upload that did not end in a whole blob leaves at
//! most an object that nobody refers to; `forget_strays` finds those.

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart};
use umweg_delivery::blobs::BlobPlace;
use umweg_wire::BlobId;

/// A part of an upload is written as soon as so much of it is there.
const WRITTEN_PART_BYTES: usize = 1 << 20;
/// Parts of one upload that are being written at the same time.
const WRITES_MAX: usize = 4;

/// The object store. Clones are the same.
#[derive(Clone)]
pub struct BlobFiles(Arc<dyn ObjectStore>);

/// Why an object could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No room.
    #[error("the disk is full")]
    Full,
    /// Anything else.
    #[error("{0}")]
    Broken(String),
}

/// A file on its way.
pub struct Upload(WriteMultipart);

impl BlobFiles {
    /// In a folder, which must exist.
    pub fn in_folder(folder: &Path) -> Result<Self, FileError> {
        Ok(Self(Arc::new(LocalFileSystem::new_with_prefix(folder)?.with_fsync(true))))
    }

    /// Begins a file. It is visible only once it is finished.
    pub async fn upload(&self, blob: BlobId, place: BlobPlace) -> Result<Upload, FileError> {
        let upload = self.0.put_multipart(&name(blob, place)).await?;
        Ok(Upload(WriteMultipart::new_with_chunk_size(upload, WRITTEN_PART_BYTES)))
    }

    /// The rest of a file from `offset`, which lies before its end.
    pub async fn download(
        &self,
        blob: BlobId,
        place: BlobPlace,
        offset: u64,
    ) -> Result<impl Stream<Item = Result<Bytes, FileError>> + Send + use<>, FileError> {
        let options = GetOptions { range: Some(GetRange::Offset(offset)), ..Default::default() };
        let found = self.0.get_opts(&name(blob, place), options).await?;
        Ok(found.into_stream().map_err(FileError::from))
    }

    /// Forgets a file. That it is not there is no error.
    pub async fn forget(&self, blob: BlobId, place: BlobPlace) -> Result<(), FileError> {
        match self.0.delete(&name(blob, place)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            other => Ok(other?),
        }
    }

    /// All files, and what is named otherwise left out.
    pub fn list(&self) -> impl Stream<Item = Result<(BlobId, BlobPlace), FileError>> + Send + use<> {
        let files = self.0.list(None).map_err(FileError::from);
        files.try_filter_map(|meta| std::future::ready(Ok(parse(meta.location.filename().unwrap_or_default())))).boxed()
    }
}

impl Upload {
    /// Writes on.
    pub async fn write(&mut self, data: Vec<u8>) -> Result<(), FileError> {
        self.0.wait_for_capacity(WRITES_MAX).await?;
        self.0.put(data.into());
        Ok(())
    }

    /// All is there: makes it durable and visible.
    pub async fn finish(mut self) -> Result<(), FileError> {
        // The library, too, would give up without waiting for the other writes.
        if let Err(error) = self.0.wait_for_capacity(0).await {
            self.give_up().await;
            return Err(error.into());
        }
        self.0.finish().await?;
        Ok(())
    }

    /// Forgets what was written; its room is free afterwards.
    pub async fn give_up(mut self) {
        // A write under way cannot be called back, and holds the file open.
        while self.0.wait_for_capacity(0).await.is_err() {}
        if let Err(error) = self.0.abort().await {
            tracing::debug!(%error, "an unfinished file could not be removed");
        }
    }
}

impl From<object_store::Error> for FileError {
    fn from(error: object_store::Error) -> Self {
        if is_full(&error) { Self::Full } else { Self::Broken(kind_of(&error)) }
    }
}

fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let full = |error: &io::Error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
    error.downcast_ref::<io::Error>().is_some_and(full) || error.source().is_some_and(is_full)
}

/// The error without the path, which names the blob.
fn kind_of(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.kind().to_string();
    }
    error.source().map_or_else(|| "the object store failed".to_owned(), kind_of)
}

fn name(blob: BlobId, place: BlobPlace) -> object_store::path::Path {
    let (blob, place) = (HEXLOWER.encode(&blob.0), HEXLOWER.encode(&place.0));
    // Few files in one folder.
    object_store::path::Path::from(format!("{}/{blob}-{place}", &blob[..2]))
}

fn parse(name: &str) -> Option<(BlobId, BlobPlace)> {
    let (blob, place) = name.split_once('-')?;
    let blob = HEXLOWER.decode(blob.as_bytes()).ok()?;
    let place = HEXLOWER.decode(place.as_bytes()).ok()?;
    Some((BlobId::try_from(&blob).ok()?, BlobPlace(place.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const DISK: &str = "size=2m";
    const PLACE: BlobPlace = BlobPlace([1; 16]);

    /// A disk of its own with little room, which only root can make.
    struct SmallDisk(tempfile::TempDir);

    impl SmallDisk {
        fn mount() -> Option<Self> {
            let folder = tempfile::tempdir().unwrap();
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", DISK, "umweg-test"]).arg(folder.path());
            mount.output().is_ok_and(|mounted| mounted.status.success()).then_some(Self(folder))
        }
    }

    impl Drop for SmallDisk {
        fn drop(&mut self) {
            _ = Command::new("umount").arg(self.0.path()).status();
        }
    }

    async fn store(files: &BlobFiles, blob: BlobId, bytes: usize) -> Result<(), FileError> {
        let mut upload = files.upload(blob, PLACE).await?;
        for part in vec![7; bytes].chunks(64 << 10) {
            if let Err(error) = upload.write(part.to_vec()).await {
                upload.give_up().await;
                return Err(error);
            }
        }
        upload.finish().await
    }

    #[tokio::test]
    #[expect(clippy::print_stderr, reason = "who runs the tests hears what was not tried")]
    async fn a_full_disk_is_told_as_such_and_leaves_what_was_stored_and_the_room_of_what_was_not() {
        let Some(disk) = SmallDisk::mount() else {
            eprintln!("only root can mount a small disk: a full one is not tried");
            return;
        };
        let files = BlobFiles::in_folder(disk.0.path()).unwrap();
        let [stored, too_large, later] = [1, 2, 3].map(|number| BlobId([number; 32]));
        store(&files, stored, 500_000).await.unwrap();
        for _ in 0..20 {
            assert!(matches!(store(&files, too_large, 8 << 20).await, Err(FileError::Full)));
            store(&files, later, 1_400_000).await.unwrap();
            files.forget(later, PLACE).await.unwrap();
        }
        let whole: Vec<_> = files.download(stored, PLACE, 0).await.unwrap().try_collect().await.unwrap();
        assert_eq!(whole.concat(), vec![7; 500_000]);
        let listed: Vec<_> = files.list().try_collect().await.unwrap();
        assert!(listed == [(stored, PLACE)]);
    }
}
