//! `Logs`.

use std::pin::Pin;

use futures_util::Stream;
use tonic::{Request, Response, Status, Streaming};
use umweg_delivery::append::Appended;
use umweg_delivery::request::{Append, Create, Show, Trim};
use umweg_delivery::{Answer, Operation};
use umweg_io::rpc::logs_server;
use umweg_wire::proto::v1;

use super::{Context, status, watch};

/// The service.
pub struct Logs(pub Context);

#[tonic::async_trait]
impl logs_server::Logs for Logs {
    async fn create(&self, request: Request<v1::CreateLogRequest>) -> Result<Response<v1::CreateLogResponse>, Status> {
        self.0.connections.of(&request).take(|quotas| &mut quotas.creates, 1)?;
        let create = Create::try_from(request.get_ref()).map_err(status::refused)?;
        self.0.run(Operation::Create(create)).await?;
        metrics::counter!("umweg_logs_created").increment(1);
        Ok(Response::new(v1::CreateLogResponse {}))
    }

    async fn append(&self, request: Request<v1::AppendRequest>) -> Result<Response<v1::AppendResponse>, Status> {
        self.0.connections.of(&request).take(|quotas| &mut quotas.appends, 1)?;
        let append = Append::try_from(request.into_inner()).map_err(status::refused)?;
        let Answer::Appended(appended) = self.0.run(Operation::Append(append)).await? else { return Err(status::mismatch()) };
        count(&appended);
        Ok(Response::new((&appended).into()))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::WatchEvent, Status>> + Send>>;

    async fn watch(&self, request: Request<Streaming<v1::WatchRequest>>) -> Result<Response<Self::WatchStream>, Status> {
        let connection = self.0.connections.of(&request);
        let permit = connection.watch()?;
        Ok(Response::new(watch::stream(&self.0, connection, request.into_inner(), permit)))
    }

    async fn trim(&self, request: Request<v1::TrimRequest>) -> Result<Response<v1::TrimResponse>, Status> {
        self.0.connections.of(&request).take(|quotas| &mut quotas.requests, 1)?;
        let trim = Trim::try_from(request.get_ref()).map_err(status::refused)?;
        self.0.run(Operation::Trim(trim)).await?;
        Ok(Response::new(v1::TrimResponse {}))
    }

    async fn get_snapshot(&self, request: Request<v1::GetSnapshotRequest>) -> Result<Response<v1::Snapshot>, Status> {
        self.0.connections.of(&request).take(|quotas| &mut quotas.requests, 1)?;
        let request = request.get_ref();
        let show = Show::new(&request.log_id, &request.capability).map_err(status::refused)?;
        let Answer::Snapshot(snapshot) = self.0.run(Operation::Snapshot(show)).await? else { return Err(status::mismatch()) };
        Ok(Response::new(snapshot))
    }
}

fn count(appended: &Appended) {
    let outcome = match appended {
        Appended::Stale(_) => "stale",
        Appended::Accepted { news: None, .. } => "repeated",
        Appended::Accepted { news: Some(_), .. } => "accepted",
    };
    metrics::counter!("umweg_appends", "outcome" => outcome).increment(1);
}
