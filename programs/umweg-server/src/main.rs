//! The program: `umweg-server run`, and what an operator needs beside it.
fn main() {}
