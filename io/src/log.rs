//! Logs: set up once by a program, and watched in tests for what must never stand in them.

use std::fmt::{self, Write as _};
use std::io::IsTerminal as _;
use std::net::{IpAddr, SocketAddr};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

/// Logs go to standard error; `UMWEG_LOG` says what is logged (`debug`, `umweg_io=trace` …), `info` if it says nothing.
///
/// That is what this project's own crates log, which is written to name nobody. Of all others only warnings and errors are logged,
/// whatever is asked: what they say at lower levels has names, addresses and whole headers.
pub fn init() {
    let asked = EnvFilter::try_from_env("UMWEG_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    // It fails only where a log is set up already, as in tests.
    let _ = Registry::default().with(asked).with(lines.with_filter(filter_fn(may_be_logged))).try_init();
}

fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let ours = metadata.target().split("::").next().is_some_and(|name| name == "umweg" || name.starts_with("umweg_"));
    ours || *metadata.level() <= Level::WARN
}

/// A layer for tests: it panics when a log line has an IP address, an id, or one of the given texts.
pub struct ForbidsPrivate {
    texts: Vec<String>,
}

impl ForbidsPrivate {
    /// Watches for addresses, ids, and those texts.
    pub fn new(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { texts: texts.into_iter().map(Into::into).collect() }
    }

    /// Watches this thread until the guard is dropped, at every level.
    #[must_use]
    pub fn on_this_thread(self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(Registry::default().with(self))
    }

    /// Watches the whole process, at every level, unless something does already.
    pub fn everywhere(self) {
        let _ = tracing::subscriber::set_global_default(Registry::default().with(self));
    }

    fn check(&self, line: &str) {
        // Only that there was something is told: the report of a failed test is a log, too.
        assert!(!has_address(line), "a log line has an IP address");
        assert!(!has_id(line), "a log line has an id");
        assert!(!self.texts.iter().any(|text| line.contains(text)), "a log line has a text that is nobody else's business");
    }
}

impl<S: Subscriber> Layer<S> for ForbidsPrivate {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.check(&line.0);
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut line = Line::default();
        attributes.record(&mut line);
        self.check(&line.0);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        values.record(&mut line);
        self.check(&line.0);
    }
}

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, "{field} = {value:?} ");
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, "{field} = {value} ");
    }
}

fn has_address(line: &str) -> bool {
    let words = line.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '[' | ']')));
    words.map(|word| word.trim_end_matches(['.', ':'])).any(|word| {
        let is_address = word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok();
        is_address && word.len() > 3
    })
}

/// Base64url or hexadecimal of 16 random bytes or more. Long words of ours have no digits among both cases of letters.
fn has_id(line: &str) -> bool {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))).any(|word| {
        let has = |kind: fn(&u8) -> bool| word.as_bytes().iter().any(kind);
        let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        let hex = word.bytes().all(|b| b.is_ascii_hexdigit());
        (word.len() >= 22 && mixed) || (word.len() >= 32 && hex)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_ids_are_seen_and_ordinary_words_are_not() {
        for private in ["from 192.0.2.7", "to 192.0.2.7:443.", "[2001:db8::1]:80", "peer=2001:db8::7"] {
            assert!(has_address(private), "{private}");
        }
        assert!(has_id("log q83vEjRWeJCrze8SNFZ4kA") && has_id("00112233445566778899aabbccddeeff"));
        let ordinary = "umweg_server::engine Reconnect::call took 12:30:45.123 for version 1.2.3 with connections_refused_by_the_service = 17 ::";
        assert!(!has_address(ordinary) && !has_id(ordinary));
    }

    #[test]
    fn other_crates_log_warnings_only_whatever_is_asked() {
        let written = Written::default();
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone());
        let log = Registry::default().with(EnvFilter::new("trace")).with(lines.with_filter(filter_fn(may_be_logged)));
        tracing::subscriber::with_default(log, || {
            let _span = tracing::info_span!(target: "hyper::proto", "serve", peer = "somebody").entered();
            tracing::trace!(target: "h2::codec", "a frame with a header");
            tracing::info!(target: "rustls::client::hs", "a name on the wire");
            tracing::info!(target: "umwegs", "a crate that is only called alike");
            tracing::warn!(target: "tonic::transport", "something is wrong");
            tracing::trace!(target: "umweg::app", "looked");
            tracing::debug!(target: "umweg_io::dial", "dialed");
        });
        let lines = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        for logged in ["something is wrong", "looked", "dialed"] {
            assert!(lines.contains(logged), "{lines}");
        }
        for withheld in ["somebody", "a frame", "a name", "called alike"] {
            assert!(!lines.contains(withheld), "{lines}");
        }
    }

    #[derive(Clone, Default)]
    struct Written(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Written {
        type Writer = Self;
        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    #[should_panic(expected = "an IP address")]
    fn the_layer_fails_the_test_that_logs_an_address() {
        let _watched = ForbidsPrivate::new([""; 0]).on_this_thread();
        tracing::info!(peer = %"192.0.2.7:443", "connected");
    }

    #[test]
    #[should_panic(expected = "nobody else's business")]
    fn the_layer_fails_the_test_that_logs_a_given_text() {
        let _watched = ForbidsPrivate::new(["see you at eight"]).on_this_thread();
        tracing::debug!("sending: see you at eight");
    }
}
