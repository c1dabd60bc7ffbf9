//! Refusals as gRPC says them. The texts name no log and nobody.

use tonic::Status;
use umweg_delivery::quota::Wait;
use umweg_delivery::{Failure, Refusal, StoreError};

/// A refusal of the rules, or the store's trouble.
pub(super) fn of(failure: &Failure) -> Status {
    match failure {
        Failure::Refused(refusal) => refused(*refusal),
        Failure::Store(StoreError::Full) => {
            metrics::counter!("umweg_refused_disk_full").increment(1);
            Status::resource_exhausted("the service's disk is full: nothing was stored")
        }
        Failure::Store(StoreError::Broken(reason)) => {
            tracing::error!(%reason, "the store failed");
            Status::internal("the service's store failed: nothing was stored")
        }
    }
}

pub(super) fn refused(refusal: Refusal) -> Status {
    let text = refusal.to_string();
    match refusal {
        Refusal::Denied => Status::permission_denied(text),
        Refusal::NotFound => Status::not_found(text),
        Refusal::Exists => Status::already_exists(text),
        Refusal::Full(_) => Status::resource_exhausted(text),
        Refusal::Invalid(_) => Status::invalid_argument(text),
    }
}

/// Too often on one connection.
pub(super) fn too_often(wait: Wait) -> Status {
    metrics::counter!("umweg_refused_quota").increment(1);
    Status::resource_exhausted(wait.to_string())
}

/// An operation was answered by another's answer: a defect of ours.
pub(super) fn mismatch() -> Status {
    tracing::error!("an operation was answered by another's answer");
    Status::internal("the service failed")
}

/// The service ends.
pub(super) fn ending() -> Status {
    Status::unavailable("the service is ending: connect again")
}
