//! The operator's page: Prometheus metrics and a health answer, on loopback only.

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
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

/// As `serve_with`, without other pages.
pub async fn serve(address: SocketAddr, shutdown: &Shutdown) -> Result<SocketAddr, MetricsError> {
    serve_with(Router::new(), address, shutdown).await
}

/// Serves `/metrics`, `/health` and those other pages until the end begins. Answers with the address, whose port the system may have chosen.
pub async fn serve_with(pages: Router, address: SocketAddr, shutdown: &Shutdown) -> Result<SocketAddr, MetricsError> {
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
    let pages = pages
        .route("/metrics", get(async move || handle.render()))
        .route("/health", get(async || "ok\n"))
        .layer(from_fn(only_here));
    shutdown.spawn_until_begun(async move {
        if let Err(error) = axum::serve(listener, pages).await {
            tracing::warn!(%error, "the metrics page ended");
        }
    });
    Ok(address)
}

/// What `/metrics` says at this moment.
#[must_use]
pub fn rendered() -> String {
    recorder().map(|handle| handle.render()).unwrap_or_default()
}

/// A page of some other site must not read these through a browser on this machine, whatever name it gives the address.
async fn only_here(request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
    let name = host.as_ref().map_or("", |host| host.host().trim_start_matches('[').trim_end_matches(']'));
    if name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()) {
        next.run(request).await
    } else {
        StatusCode::MISDIRECTED_REQUEST.into_response()
    }
}

fn recorder() -> Result<PrometheusHandle, MetricsError> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let installed = HANDLE.get_or_init(|| PrometheusBuilder::new().install_recorder().map_err(|error| error.to_string()));
    installed.clone().map_err(MetricsError::Recorder)
}
