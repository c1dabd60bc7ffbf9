//! A volunteer's proxy: to the world a web site, to who has the invite's link a road to one service, and to nowhere else.
//!
//! * [`settings`]: what the volunteer says, and [`Plan`](plan::Plan): the same, read and checked before anything is bound;
//! * [`acme`]: the certificate for its name;
//! * [`invites`]: whom the volunteer lets in; [`share`]: what is passed on to them; [`page`]: what the volunteer sees of it,
//!   with [`figures`];
//! * [`proxy`]: the ports, and [`relay`]: the connections. They know no sealing, keep no address, and write none into a log;
//! * [`sandbox`]: the running program is shut in;
//! * [`doctor`]: what is wrong with a volunteer's machine, and what to do;
//! * [`others`]: other messengers' people, and [`upstreams`]: where they are led.

pub mod acme;
pub mod amount;
pub mod date;
pub mod doctor;
pub mod figures;
pub mod invites;
pub mod others;
pub mod page;
pub mod plan;
pub mod proxy;
pub mod relay;
pub mod sandbox;
pub mod settings;
pub mod share;
pub mod upstreams;
pub mod words;
