//! gRPC on a sealed stream.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::sync::Mutex;

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};
use umweg_io::carrier::Carrier;
use umweg_io::rpc::key_packages_client::KeyPackagesClient;
use umweg_io::rpc::key_packages_server::{KeyPackages, KeyPackagesServer};
use umweg_io::rpc::{self, MESSAGE_BYTES_MAX};
use umweg_io::session::{ConnectionId, Purpose, Scheme, SealedStream, StaticKey, accept, offer};
use umweg_io::shutdown::Shutdown;
use umweg_wire::proto::v1::{PublishKeyPackagesRequest, PublishKeyPackagesResponse, TakeKeyPackageRequest, TakeKeyPackageResponse};

#[tokio::test]
async fn requests_are_answered_and_know_their_connection() {
    let served = Served::start();
    let (channel, _lost) = rpc::connect(served.dial().await).await.unwrap();
    let mut client = KeyPackagesClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let large = vec![7; 2 << 20];
    let request = PublishKeyPackagesRequest { last_resort: large.clone(), ..Default::default() };
    client.publish(request).await.unwrap();
    let taken = client.take(TakeKeyPackageRequest::default()).await.unwrap().into_inner();
    assert!(taken.key_package == large);
}

#[tokio::test]
async fn when_the_connection_goes_requests_fail_and_the_loss_is_told() {
    let served = Served::start();
    let (channel, lost) = rpc::connect(served.dial().await).await.unwrap();
    let mut client = KeyPackagesClient::new(channel);
    client.publish(PublishKeyPackagesRequest::default()).await.unwrap();
    served.shutdown.begin();
    lost.wait().await;
    let failed = client.publish(PublishKeyPackagesRequest::default()).await.err().unwrap();
    assert_eq!(failed.code(), tonic::Code::Unavailable, "it does not connect again by itself");
}

#[tokio::test]
async fn bytes_that_are_no_http_2_end_their_connection_only() {
    let served = Served::start();
    let mut stranger = served.dial().await;
    stranger.write_all(&[0xff; 4_000]).await.unwrap();
    stranger.flush().await.unwrap();
    let (channel, _lost) = rpc::connect(served.dial().await).await.unwrap();
    KeyPackagesClient::new(channel).publish(PublishKeyPackagesRequest::default()).await.unwrap();
}

#[test]
fn the_contract_is_there_for_reflection() {
    assert!(rpc::DESCRIPTORS.windows(8).any(|part| part == b"umweg.v1"));
}

/// Keeps the last key package that it was given.
#[derive(Default)]
struct Keeps(Mutex<Vec<u8>>);

#[tonic::async_trait]
impl KeyPackages for Keeps {
    async fn publish(&self, request: Request<PublishKeyPackagesRequest>) -> Result<Response<PublishKeyPackagesResponse>, Status> {
        request.extensions().get::<ConnectionId>().ok_or_else(|| Status::internal("the connection is unknown"))?;
        *self.0.lock().unwrap() = request.into_inner().last_resort;
        Ok(Response::new(PublishKeyPackagesResponse::default()))
    }

    async fn take(&self, _: Request<TakeKeyPackageRequest>) -> Result<Response<TakeKeyPackageResponse>, Status> {
        Ok(Response::new(TakeKeyPackageResponse { key_package: self.0.lock().unwrap().clone() }))
    }
}

struct Served {
    key: StaticKey,
    arrivals: mpsc::Sender<SealedStream>,
    shutdown: Shutdown,
}

impl Served {
    fn start() -> Self {
        let (arrivals, arriving) = mpsc::channel(4);
        let shutdown = Shutdown::new();
        let end = shutdown.clone();
        shutdown.spawn(async move {
            let service = KeyPackagesServer::new(Keeps::default()).max_decoding_message_size(MESSAGE_BYTES_MAX);
            rpc::serve(rpc::server().add_service(service), arriving, &end).await
        });
        Self { key: StaticKey::random(&mut rand::rng()), arrivals, shutdown }
    }

    async fn dial(&self) -> SealedStream {
        let (near, far) = tokio::io::duplex(8 << 10);
        let (near, far): (Box<dyn Carrier>, Box<dyn Carrier>) = (Box::new(near), Box::new(far));
        let scheme = Scheme::default();
        let (client, server) = tokio::join!(offer(near, self.key.public(), Purpose::Rpc), accept(far, &self.key, &scheme));
        let (server, purpose) = server.unwrap();
        assert_eq!(purpose, Purpose::Rpc);
        self.arrivals.send(server).await.unwrap();
        client.unwrap()
    }
}
