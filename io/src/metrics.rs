//! The operator's page: Prometheus metrics and a health answer, on loopback only.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;

use crate::shutdown::Shutdown;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// Numbers about people's connections are for this machine's operator.
    #[error("the metrics page is for this machine only: choose a loopback address such as 127.0.0.1, not {0}")]
    NotLoopback(SocketAddr),
    /// The port.
    #[error("cannot listen on {0} for metrics: {1}")]
    Bind(SocketAddr, std::io::Error),
    /// Something else in this process records metrics already.
    #[error("cannot record metrics: {0}")]
    Recorder(String),
}

/// Serves `/metrics` and `/health` until the end begins. Answers with the address, whose port the system may have chosen.
pub async fn serve(address: SocketAddr, shutdown: &Shutdown) -> Result<SocketAddr, MetricsError> {
    if !address.ip().is_loopback() {
        return Err(MetricsError::NotLoopback(address));
    }
    let handle = recorder()?;
    let failed = |error| MetricsError::Bind(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let upkeep = handle.clone();
    shutdown.spawn_until_begun(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(5)).await;
            upkeep.run_upkeep();
        }
    });
    let page = Router::new().route("/metrics", get(async move || handle.render())).route("/health", get(async || "ok\n"));
    shutdown.spawn_until_begun(async move {
        if let Err(error) = axum::serve(listener, page).await {
            tracing::warn!(%error, "the metrics page ended");
        }
    });
    Ok(address)
}

fn recorder() -> Result<PrometheusHandle, MetricsError> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let installed = HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().map_err(|error| error.to_string()));
    installed.clone().map_err(MetricsError::Recorder)
}
