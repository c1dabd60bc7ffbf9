//! `KeyPackages`.

use tonic::{Request, Response, Status};
use umweg_delivery::request::{Publish, Show};
use umweg_delivery::{Answer, Operation};
use umweg_io::rpc::key_packages_server;
use umweg_wire::proto::v1;

use super::{Context, status};

/// The service.
pub struct KeyPackages(pub Context);

#[tonic::async_trait]
impl key_packages_server::KeyPackages for KeyPackages {
    async fn publish(
        &self,
        request: Request<v1::PublishKeyPackagesRequest>,
    ) -> Result<Response<v1::PublishKeyPackagesResponse>, Status> {
        self.0.connections.of(&request).take(|quotas| &mut quotas.requests, 1)?;
        let publish = Publish::try_from(request.into_inner()).map_err(status::refused)?;
        let Answer::Published { left } = self.0.run(Operation::Publish(publish)).await? else { return Err(status::mismatch()) };
        Ok(Response::new(v1::PublishKeyPackagesResponse { left: u32::try_from(left).unwrap_or(u32::MAX) }))
    }

    async fn take(&self, request: Request<v1::TakeKeyPackageRequest>) -> Result<Response<v1::TakeKeyPackageResponse>, Status> {
        self.0.connections.of(&request).take(|quotas| &mut quotas.requests, 1)?;
        let request = request.get_ref();
        let show = Show::new(&request.log_id, &request.capability).map_err(status::refused)?;
        let Answer::KeyPackage(key_package) = self.0.run(Operation::Take(show)).await? else { return Err(status::mismatch()) };
        Ok(Response::new(v1::TakeKeyPackageResponse { key_package }))
    }
}
