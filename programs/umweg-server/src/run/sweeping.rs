//! Now and then what is too old is forgotten, and files that nobody refers to.

use std::time::Duration;

use futures_util::TryStreamExt;
use umweg_delivery::blobs::BlobPlace;
use umweg_delivery::{Answer, Failure, Operation};
use umweg_wire::BlobId;

use crate::engine::Store;
use crate::service::Context;
use crate::service::blob_files::{BlobFiles, FileError};

/// Between two sweeps.
const GAP: Duration = Duration::from_secs(60 * 60);
/// Between two parts of one sweep: appends go first.
const PART_GAP: Duration = Duration::from_millis(50);

/// Why a sweep ended early. The next one goes on.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error("sweep the logs: {0}")]
    Store(#[from] Failure),
    #[error("sweep the files: {0}")]
    Files(#[from] FileError),
}

/// Sweeps at once and then again and again, until the end begins.
pub(super) fn start(context: &Context, files: &BlobFiles) {
    let (context, files) = (context.clone(), files.clone());
    let tasks = context.shutdown.clone();
    tasks.spawn_until_begun(async move {
        loop {
            if let Err(error) = sweep(&context.store, &files).await {
                tracing::warn!(%error, "a sweep ended early");
            }
            tokio::time::sleep(GAP).await;
        }
    });
}

async fn sweep(store: &Store, files: &BlobFiles) -> Result<(), SweepError> {
    while let Answer::Swept(swept) = store.run(Operation::Sweep).await? {
        for (blob, place) in swept.blobs {
            files.forget(blob, place).await?;
        }
        if !swept.more {
            break;
        }
        tokio::time::sleep(PART_GAP).await;
    }
    forget_strays(store, files).await
}

/// Files that were written when the service was killed, before they were whole.
async fn forget_strays(store: &Store, files: &BlobFiles) -> Result<(), SweepError> {
    let mut listed = files.list();
    while let Some((blob, place)) = listed.try_next().await? {
        if is_stray(store, blob, place).await? {
            files.forget(blob, place).await?;
        }
    }
    Ok(())
}

async fn is_stray(store: &Store, blob: BlobId, place: BlobPlace) -> Result<bool, SweepError> {
    Ok(store.run(Operation::IsStray(blob, place)).await? == Answer::Stray(true))
}
