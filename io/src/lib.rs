//! Everything of Umweg that touches a socket, a clock or a process, and as little else as possible: what should happen is decided
//! in `pure/`, mostly in `umweg_road`.
//!
//! Going out: [`dial`] makes a [`session::SealedStream`] over a chosen road, [`bites`] one over many short connections; [`rpc::connect`] speaks gRPC on it, [`media`] carries a
//! call's datagrams. Coming in: [`listen`] answers on the service's ports and hands out sealed streams; [`rpc::serve`] serves them.
//! For every program: [`cores`], [`shutdown`], [`config`], [`log`], [`metrics`].
#![deny(unsafe_code)]

pub mod ahead;
pub mod bites;
pub mod carrier;
pub mod clock;
pub mod config;
pub mod cores;
pub mod counted;
pub mod dial;
pub mod door;
pub mod listen;
pub mod log;
pub mod media;
pub mod metered;
pub mod metrics;
pub mod old_tls;
pub mod rpc;
pub mod session;
pub mod shutdown;
pub mod site;
pub mod splice;
pub mod tls;
pub mod udp;
pub mod websocket;

mod announced;
mod waiting;
