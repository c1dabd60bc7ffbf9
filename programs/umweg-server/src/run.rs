//! The life of the service: everything is read and bound before it says that it is ready; when it is asked to end it takes nothing
//! new, finishes what is under way, and writes the last transaction.

mod preparation;
mod sweeping;

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::mpsc;
use umweg_delivery::operation::BlobsMax;
use umweg_io::listen::{Arrivals, Entrance};
use umweg_io::rpc::{self, DESCRIPTORS, MESSAGE_BYTES_MAX};
use umweg_io::session::SealedStream;
use umweg_io::shutdown::Shutdown;

use crate::calls::ByLog;
use crate::data_folder::DataFolder;
use crate::engine::commit::{self, Threads};
use crate::engine::{Hub, SqliteEngine, Store};
use crate::service::blob_files::BlobFiles;
use crate::service::{Blobs, Connections, Context, KeyPackages, Logs};
use crate::settings::Settings;
use crate::sfu::Sfu;

pub use preparation::{check, link};

/// For what is under way when the service is asked to end.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(15);

/// A service with everything bound, before it lets anybody in.
pub struct Service {
    entrance: Entrance,
    sfu: Sfu,
    context: Context,
    threads: Threads,
    files: BlobFiles,
    blobs_max: BlobsMax,
    link: String,
    /// Held until all else has ended.
    data: DataFolder,
}

impl Service {
    /// Reads, makes and binds what the settings say.
    pub async fn prepare(settings: &Settings, shutdown: &Shutdown) -> anyhow::Result<Self> {
        preparation::check_clock(umweg_io::clock::now())?;
        let data = DataFolder::open(settings.data())?;
        let certificate = preparation::certificate(settings, data.path())?;
        let key = data.static_key()?;
        let files = BlobFiles::in_folder(&data.files()).context("open the folder of the files")?;
        let engine = SqliteEngine::open(&data.database()).context("open the database logs.sqlite in the data folder")?;
        let (store, hub, threads) = commit::start(engine, &data.database(), umweg_io::clock::now)?;
        let entrance = Entrance::bind(preparation::listen_config(settings, &certificate, &key)?).await?;
        let sfu = preparation::start_sfu(settings)?;
        umweg_io::metrics::serve(settings.metrics, shutdown).await?;
        let link = preparation::link_at(settings, &key, &certificate, entrance.addresses())?;
        let context = Context { store, hub, connections: Connections::default(), shutdown: shutdown.clone() };
        let blobs_max = BlobsMax(settings.files_gb_max.saturating_mul(1 << 30));
        Ok(Self { entrance, sfu, context, threads, files, blobs_max, link, data })
    }

    /// What apps and proxies need.
    #[must_use]
    pub fn link(&self) -> &str {
        &self.link
    }

    /// The storage, for tests that look beside the doors.
    #[must_use]
    pub fn store(&self) -> (Store, Hub) {
        (self.context.store.clone(), self.context.hub.clone())
    }

    /// Serves until the end begins; then drains.
    pub async fn serve(self) -> anyhow::Result<()> {
        let Self { entrance, sfu, context, threads, files, blobs_max, link: _, data } = self;
        let shutdown = context.shutdown.clone();
        sweeping::start(&context, &files);
        let router = router(&context, &sfu, files, blobs_max).await?;
        let Arrivals { rpc, media } = entrance.open(&shutdown);
        serve_media(media, sfu.clone(), &shutdown);
        end_calls(sfu.clone(), &shutdown);
        let arrivals = registered(rpc, context.connections.clone(), &shutdown);
        drop(context);
        let served = tokio::select! {
            served = rpc::serve(router, arrivals, &shutdown) => served.context("serve gRPC"),
            () = too_long(&shutdown) => Ok(()),
        };
        if !shutdown.drain(DRAIN_TIME_MAX).await {
            tracing::warn!("some connections did not end in time, and were cut");
        }
        drop(sfu);
        tokio::task::spawn_blocking(move || threads.join()).await.context("wait for the storage")?;
        drop(data);
        served
    }
}

async fn router(
    context: &Context,
    sfu: &Sfu,
    files: BlobFiles,
    bytes_max: BlobsMax,
) -> anyhow::Result<tonic::transport::server::Router> {
    use rpc::{blobs_server::BlobsServer, key_packages_server::KeyPackagesServer, logs_server::LogsServer};
    macro_rules! limited {
        ($server:expr) => {
            $server.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX)
        };
    }
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<LogsServer<Logs>>().await;
    let reflection = tonic_reflection::server::Builder::configure().register_encoded_file_descriptor_set(DESCRIPTORS);
    let blobs = Blobs { context: context.clone(), files, bytes_max };
    Ok(rpc::server()
        .add_service(health)
        .add_service(reflection.build_v1().context("describe the contract")?)
        .add_service(limited!(LogsServer::new(Logs(context.clone()))))
        .add_service(limited!(KeyPackagesServer::new(KeyPackages(context.clone()))))
        .add_service(limited!(BlobsServer::new(blobs)))
        .add_service(sfu.service(std::sync::Arc::new(ByLog(context.store.clone())))))
}

/// Gives every connection its allowance on its way in.
fn registered(
    mut arrivals: mpsc::Receiver<SealedStream>,
    connections: Connections,
    shutdown: &Shutdown,
) -> mpsc::Receiver<SealedStream> {
    let (on, registered) = mpsc::channel(1);
    shutdown.spawn_until_begun(async move {
        while let Some(mut stream) = arrivals.recv().await {
            connections.register(&mut stream);
            if on.send(stream).await.is_err() {
                return;
            }
        }
    });
    registered
}

fn serve_media(mut arrivals: mpsc::Receiver<SealedStream>, sfu: Sfu, shutdown: &Shutdown) {
    let tasks = shutdown.clone();
    shutdown.spawn_until_begun(async move {
        while let Some(stream) = arrivals.recv().await {
            let sfu = sfu.clone();
            tasks.spawn_until_begun(async move { sfu.handle_media(stream).await });
        }
    });
}

/// Streams of participants, and of who watches a roster, have no end of their own.
fn end_calls(sfu: Sfu, shutdown: &Shutdown) {
    let end = shutdown.clone();
    shutdown.spawn(async move {
        end.begun().await;
        sfu.stop().await;
    });
}

async fn too_long(shutdown: &Shutdown) {
    shutdown.begun().await;
    tokio::time::sleep(DRAIN_TIME_MAX).await;
}
