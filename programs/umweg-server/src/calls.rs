//! Who may know of a call: the SFU asks, the call's log answers.

use tonic::Status;
use umweg_delivery::request::Show;
use umweg_delivery::{Failure, Operation, Refusal};
use umweg_wire::{Capability, LogId};

use crate::engine::Store;
use crate::sfu::Authorize;

/// Asks the store.
pub struct ByLog(pub Store);

#[tonic::async_trait]
impl Authorize for ByLog {
    async fn authorize(&self, log: LogId, capability: &Capability) -> Result<bool, Status> {
        match self.0.run(Operation::Admit(Show { log, capability: capability.clone() })).await {
            Ok(_) => Ok(true),
            Err(Failure::Refused(Refusal::Denied)) => Ok(false),
            Err(error) => {
                tracing::error!(%error, "admission to a call could not be decided");
                Err(Status::internal("the service's store failed"))
            }
        }
    }
}
