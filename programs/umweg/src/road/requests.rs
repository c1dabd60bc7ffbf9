//! The client's requests as gRPC calls, and the service's words as the client knows them.

use std::time::Duration;

use tonic::transport::Channel;
use tonic::{Code, Status};
use umweg_client::port::{Answer, Failure, Request};
use umweg_io::rpc::MESSAGE_BYTES_MAX;
use umweg_io::rpc::calls_client::CallsClient;
use umweg_io::rpc::key_packages_client::KeyPackagesClient;
use umweg_io::rpc::logs_client::LogsClient;
use umweg_wire::LogId;
use umweg_wire::proto::v1::GetSnapshotRequest;

/// A service that keeps the connection alive and leaves one request unanswered for so long has failed at it.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(60);

/// Asks, and says what came of it.
pub(super) async fn ask(channel: Channel, request: Request) -> Result<Answer, Failure> {
    let answered = tokio::time::timeout(ANSWER_TIME_MAX, call(channel, request)).await;
    answered.unwrap_or(Err(Failure::Broken))
}

/// Whether the service answers at all, on a connection that may be dead: it is asked for what nobody has.
pub(super) async fn is_alive(channel: Channel, patience: Duration) -> bool {
    let nothing = GetSnapshotRequest { log_id: vec![0; LogId::LEN], capability: vec![0; 32] };
    let answered = tokio::time::timeout(patience, async { logs(channel).get_snapshot(nothing).await.err() }).await;
    matches!(answered, Ok(None)) || matches!(answered, Ok(Some(status)) if failure(&status) != Failure::Unreachable)
}

pub(super) fn logs(channel: Channel) -> LogsClient<Channel> {
    LogsClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
}

pub(super) fn calls(channel: Channel) -> CallsClient<Channel> {
    CallsClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
}

fn key_packages(channel: Channel) -> KeyPackagesClient<Channel> {
    KeyPackagesClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
}

async fn call(channel: Channel, request: Request) -> Result<Answer, Failure> {
    let answer = match request {
        Request::CreateLog(request) => logs(channel).create(request).await.map(|_| Answer::Created),
        Request::Append(request) => logs(channel).append(request).await.map(|answer| Answer::Appended(answer.into_inner())),
        Request::Trim(request) => logs(channel).trim(request).await.map(|_| Answer::Trimmed),
        Request::GetSnapshot(request) => {
            logs(channel).get_snapshot(request).await.map(|answer| Answer::Snapshot(answer.into_inner()))
        }
        Request::PublishKeyPackages(request) => {
            key_packages(channel).publish(request).await.map(|answer| Answer::Published(answer.into_inner()))
        }
        Request::TakeKeyPackage(request) => {
            key_packages(channel).take(request).await.map(|answer| Answer::KeyPackage(answer.into_inner()))
        }
    };
    answer.map_err(|status| failure(&status))
}

/// The log or inbox that a request is about: its lane.
pub(super) fn lane(request: &Request) -> &[u8] {
    match request {
        Request::CreateLog(request) => &request.log_id,
        Request::Append(request) => &request.log_id,
        Request::Trim(request) => &request.log_id,
        Request::GetSnapshot(request) => &request.log_id,
        Request::PublishKeyPackages(request) => &request.log_id,
        Request::TakeKeyPackage(request) => &request.log_id,
    }
}

/// What a status means to the client.
pub(super) fn failure(status: &Status) -> Failure {
    match status.code() {
        Code::PermissionDenied | Code::Unauthenticated => Failure::Refused,
        Code::NotFound => Failure::NotFound,
        Code::AlreadyExists => Failure::Exists,
        Code::ResourceExhausted => Failure::Full,
        Code::InvalidArgument | Code::OutOfRange | Code::Unimplemented => Failure::Invalid,
        Code::Unavailable | Code::Cancelled | Code::DeadlineExceeded => Failure::Unreachable,
        // A transport that broke in the middle of an answer shows as Unknown, with the transport's error as its source.
        Code::Unknown if std::error::Error::source(status).is_some() => Failure::Unreachable,
        _ => Failure::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_the_contract_has_its_meaning() {
        let meanings = [
            (Code::PermissionDenied, Failure::Refused),
            (Code::NotFound, Failure::NotFound),
            (Code::AlreadyExists, Failure::Exists),
            (Code::ResourceExhausted, Failure::Full),
            (Code::InvalidArgument, Failure::Invalid),
            (Code::Unavailable, Failure::Unreachable),
            (Code::Internal, Failure::Broken),
        ];
        for (code, meaning) in meanings {
            assert_eq!(failure(&Status::new(code, "")), meaning);
        }
    }

    #[test]
    fn a_transport_that_broke_is_no_answer_of_the_service() {
        let broken = Status::from_error(Box::new(std::io::Error::from(std::io::ErrorKind::BrokenPipe)));
        assert_eq!(failure(&broken), Failure::Unreachable);
    }
}
