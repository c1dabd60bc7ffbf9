//! A volunteer's proxy: to the world a web site, to who has the invite's link a road to one service, and to nowhere else.
//!
//! * [`settings`]: what the volunteer says, and [`Plan`](plan::Plan): the same, read and checked before anything is bound;
//! * [`proxy`]: the connections. It knows no sealing, keeps no address, and writes none into its log.

pub mod plan;
pub mod proxy;
pub mod settings;
