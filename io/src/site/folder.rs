//! What stands at a path: a file of the volunteer's folder, or the page that a web server shows on which nothing was set up yet.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::answer::Source;

/// nginx's own first page with its own date, as Debian and hundreds of thousands of hosts have it.
const STOCK: &str = include_str!("stock.html");
const STOCK_CHANGED: u64 = 1_666_166_540;

pub(super) enum Found {
    File(File),
    /// A folder, asked for without the slash.
    Folder,
    Missing,
    Forbidden,
}

pub(super) struct File {
    pub(super) source: Source,
    pub(super) length: u64,
    /// In seconds since 1970.
    pub(super) changed: u64,
    pub(super) kind: &'static str,
}

pub(super) fn stock(path: &[u8]) -> Found {
    if !matches!(path, b"/" | b"/index.html") {
        return Found::Missing;
    }
    let source = Source::Text(STOCK.to_owned());
    Found::File(File { source, length: STOCK.len() as u64, changed: STOCK_CHANGED, kind: "text/html" })
}

/// A file of the folder: never one outside of it, and none that is hidden.
pub(super) async fn find(root: &Path, path: &[u8]) -> Found {
    let mut place = root.to_owned();
    for part in path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()) {
        if part.starts_with(b".") {
            return Found::Missing;
        }
        place.push(OsStr::from_bytes(part));
    }
    if !path.ends_with(b"/") {
        return open(root, &place).await;
    }
    match open(root, &place.join("index.html")).await {
        Found::Missing if tokio::fs::metadata(&place).await.is_ok_and(|known| known.is_dir()) => Found::Forbidden,
        Found::Folder => Found::Missing,
        found => found,
    }
}

async fn open(root: &Path, place: &PathBuf) -> Found {
    match try_open(root, place).await {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Found::Forbidden,
        Err(_) => Found::Missing,
    }
}

async fn try_open(root: &Path, place: &PathBuf) -> io::Result<Found> {
    let place = tokio::fs::canonicalize(place).await?;
    if !place.starts_with(root) {
        return Ok(Found::Missing);
    }
    let known = tokio::fs::metadata(&place).await?;
    if known.is_dir() {
        return Ok(Found::Folder);
    }
    // Nothing that waits for somebody when it is opened.
    if !known.is_file() {
        return Ok(Found::Missing);
    }
    let file = tokio::fs::File::open(&place).await?;
    let changed = known.modified()?.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Ok(Found::File(File { source: Source::File(file), length: known.len(), changed, kind: kind_of(&place) }))
}

/// As nginx's list has them.
fn kind_of(file: &Path) -> &'static str {
    let extension = file.extension().and_then(OsStr::to_str).unwrap_or_default().to_ascii_lowercase();
    match extension.as_str() {
        "html" | "htm" | "shtml" => "text/html",
        "css" => "text/css",
        "xml" => "text/xml",
        "gif" => "image/gif",
        "jpeg" | "jpg" => "image/jpeg",
        "js" => "application/javascript",
        "atom" => "application/atom+xml",
        "rss" => "application/rss+xml",
        "txt" => "text/plain",
        "avif" => "image/avif",
        "png" => "image/png",
        "svg" | "svgz" => "image/svg+xml",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "pdf" => "application/pdf",
        "wasm" => "application/wasm",
        "xhtml" => "application/xhtml+xml",
        "zip" => "application/zip",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "m4a" => "audio/x-m4a",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        _ => "application/octet-stream",
    }
}
