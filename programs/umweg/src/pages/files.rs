//! The built pages, inside the program.

use axum::body::Body;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;

/// In a development build the files are read from the folder whenever they are asked for; `web/` is built beside it.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Built;

const START: &str = "index.html";
const NOT_BUILT: &str = "<!doctype html><meta charset=utf-8><title>Umweg</title><h1>The pages are not built</h1>\
    <p>The app runs, but it was compiled without its pages. In the repository's folder run <code>./x build</code>, then start it again.";

/// Answers a GET.
pub(super) async fn serve(uri: Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => START,
        path => path,
    };
    match Built::get(path) {
        Some(file) => ([(header::CONTENT_TYPE, file.metadata.mimetype().to_owned())], Body::from(file.data)).into_response(),
        None if path == START => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], NOT_BUILT).into_response()
        }
        None => (StatusCode::NOT_FOUND, "there is no such page\n").into_response(),
    }
}
