//! umweg-road
