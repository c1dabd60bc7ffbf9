//! The pages' side of the app: HTTP and one WebSocket a page, on loopback only, for nobody but the person's own browser.
//!
//! 1. The app prints or opens `http://127.0.0.1:PORT/#SECRET`. The secret stands in the fragment, so no request carries it.
//! 2. The page asks for `ws://127.0.0.1:PORT/ws` with the subprotocol `umweg.v1`. `guard` checks who asks, and `proof` that both know a
//!    secret. A page that stays open proves itself to the next run of the app, too.
//! 3. Text frames hold JSON, `protocol`. The page sends wishes and what it looks at; the app sends whole views when they change,
//!    answers, and the call's media events.

mod files;
mod guard;
mod page;
mod proof;
mod protocol;
mod server;

pub(crate) use guard::{PROTOCOL, Secret};
pub(crate) use page::{PageEvent, PageId, PageSink};
pub(crate) use proof::{Answer, Challenge, Secrets};
pub(crate) use protocol::{Answered, FromPage, ToPage, Wish};
pub(crate) use server::{BindError, Door};
