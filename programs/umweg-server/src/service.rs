//! The contract's gRPC services: requests in their right form go to the store, answers and refusals come back as the contract says.

pub mod blob_files;
mod blobs;
pub mod connections;
mod key_packages;
mod logs;
mod status;
mod watch;

pub use blobs::Blobs;
pub use connections::Connections;
pub use key_packages::KeyPackages;
pub use logs::Logs;

use umweg_delivery::{Answer, Operation};
use umweg_io::shutdown::Shutdown;

use crate::engine::{Hub, Store};

/// What every service works with. Clones are the same.
#[derive(Clone)]
pub struct Context {
    /// What is kept.
    pub store: Store,
    /// Who watches.
    pub hub: Hub,
    /// Who is connected.
    pub connections: Connections,
    /// When streams are to end.
    pub shutdown: Shutdown,
}

impl Context {
    async fn run(&self, operation: Operation) -> Result<Answer, tonic::Status> {
        self.store.run(operation).await.map_err(|failure| status::of(&failure))
    }
}
