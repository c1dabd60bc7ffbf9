//! `Blobs`.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{sleep, timeout};
use tonic::{Request, Response, Status, Streaming};
use umweg_delivery::blobs::BlobPlace;
use umweg_delivery::operation::BlobsMax;
use umweg_delivery::request::{GetBlob, PutBlob};
use umweg_delivery::{Answer, Operation};
use umweg_io::rpc::blobs_server;
use umweg_wire::limits::{BLOB_PART_BYTES_MAX, BLOB_PART_TIME_MAX};
use umweg_wire::proto::v1::{self, put_blob_request::Part};

use super::blob_files::{BlobFiles, FileError, Upload};
use super::connections::Connection;
use super::{Context, status};

/// The service.
pub struct Blobs {
    /// What all services have.
    pub context: Context,
    /// Where the bytes lie.
    pub files: BlobFiles,
    /// How many there may be.
    pub bytes_max: BlobsMax,
}

type Parts = Pin<Box<dyn Stream<Item = Result<v1::GetBlobResponse, Status>> + Send>>;

#[tonic::async_trait]
impl blobs_server::Blobs for Blobs {
    async fn put(&self, request: Request<Streaming<v1::PutBlobRequest>>) -> Result<Response<v1::PutBlobResponse>, Status> {
        let connection = self.context.connections.of(&request);
        connection.take(|quotas| &mut quotas.requests, 1)?;
        let mut parts = request.into_inner();
        let Some(Part::Head(head)) = next(&mut parts).await? else {
            return Err(Status::invalid_argument("a file begins with its head"));
        };
        let put = PutBlob::try_from(&head).map_err(status::refused)?;
        self.context.run(Operation::AnnounceBlob(put.clone(), self.bytes_max)).await?;
        let stored = self.store(&put, &mut parts, &connection).await;
        if stored.is_err() {
            self.context.run(Operation::GiveUpBlob(put.blob)).await?;
        }
        stored.map(|()| Response::new(v1::PutBlobResponse {}))
    }

    type GetStream = Parts;

    async fn get(&self, request: Request<v1::GetBlobRequest>) -> Result<Response<Parts>, Status> {
        let connection = self.context.connections.of(&request);
        connection.take(|quotas| &mut quotas.requests, 1)?;
        let get = GetBlob::try_from(request.get_ref()).map_err(status::refused)?;
        let Answer::Blob { place, bytes } = self.context.run(Operation::FindBlob(get.clone())).await? else {
            return Err(status::mismatch());
        };
        let head = stream::once(async move { Ok(v1::GetBlobResponse { bytes, data: Vec::new() }) });
        if get.offset == bytes {
            return Ok(Response::new(Box::pin(head)));
        }
        let data = self.files.download(get.blob, place, get.offset).await.map_err(|error| failed(&error))?;
        let parts = data.flat_map(|part| stream::iter(split(part))).then(move |part| throttled(Arc::clone(&connection), part));
        Ok(Response::new(Box::pin(head.chain(parts))))
    }
}

impl Blobs {
    async fn store(&self, put: &PutBlob, parts: &mut Streaming<v1::PutBlobRequest>, connection: &Connection) -> Result<(), Status> {
        let place = BlobPlace::random(&mut rand::rng());
        let mut upload = self.files.upload(put.blob, place).await.map_err(|error| failed(&error))?;
        if let Err(status) = receive(&mut upload, put.bytes, parts, connection).await {
            upload.give_up().await;
            return Err(status);
        }
        upload.finish().await.map_err(|error| failed(&error))?;
        let finished = self.context.run(Operation::FinishBlob(put.clone(), place)).await;
        if finished.is_err() {
            self.files.forget(put.blob, place).await.map_err(|error| failed(&error))?;
        }
        metrics::counter!("umweg_blobs_stored").increment(1);
        finished.map(drop)
    }
}

async fn receive(
    upload: &mut Upload,
    bytes: u64,
    parts: &mut Streaming<v1::PutBlobRequest>,
    connection: &Connection,
) -> Result<(), Status> {
    let mut missing = bytes;
    while missing > 0 {
        let Some(Part::Data(data)) = next(parts).await? else {
            return Err(Status::invalid_argument("the file is shorter than its head says"));
        };
        if data.is_empty() || data.len() > BLOB_PART_BYTES_MAX {
            return Err(Status::invalid_argument("a part of the file is empty or too long"));
        }
        missing = missing
            .checked_sub(data.len() as u64)
            .ok_or_else(|| Status::invalid_argument("the file is longer than its head says"))?;
        wait_for_quota(connection, data.len()).await;
        upload.write(data).await.map_err(|error| failed(&error))?;
    }
    match next(parts).await? {
        None => Ok(()),
        Some(_) => Err(Status::invalid_argument("the file is longer than its head says")),
    }
}

async fn next(parts: &mut Streaming<v1::PutBlobRequest>) -> Result<Option<Part>, Status> {
    let received = timeout(BLOB_PART_TIME_MAX, parts.message()).await;
    let message = received.map_err(|_| Status::deadline_exceeded("the next part of the file did not come"))??;
    Ok(message.and_then(|message| message.part))
}

async fn throttled(connection: Arc<Connection>, part: Result<Bytes, FileError>) -> Result<v1::GetBlobResponse, Status> {
    let data = part.map_err(|error| failed(&error))?;
    wait_for_quota(&connection, data.len()).await;
    Ok(v1::GetBlobResponse { bytes: 0, data: data.into() })
}

/// Files do not fail by quota: they go on more slowly.
async fn wait_for_quota(connection: &Connection, bytes: usize) {
    while let Err(wait) = connection.try_take(|quotas| &mut quotas.blob_kilobytes, (bytes as u64).div_ceil(1 << 10)) {
        sleep(wait.0).await;
    }
}

fn split(part: Result<Bytes, FileError>) -> Vec<Result<Bytes, FileError>> {
    match part {
        Ok(mut data) => {
            let mut parts = Vec::new();
            while data.len() > BLOB_PART_BYTES_MAX {
                parts.push(Ok(data.split_to(BLOB_PART_BYTES_MAX)));
            }
            parts.push(Ok(data));
            parts
        }
        Err(error) => vec![Err(error)],
    }
}

fn failed(error: &FileError) -> Status {
    match error {
        FileError::Full => Status::resource_exhausted("the service's disk is full: nothing was stored"),
        FileError::Broken(reason) => {
            tracing::error!(%reason, "a file could not be written or read");
            Status::internal("the service could not write or read the file")
        }
    }
}
