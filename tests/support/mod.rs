//! Real servers for tests, started on free ports and stopped by their process id.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]

pub mod proxy;
pub mod redis;
pub mod redis_topologies;

use std::net::TcpListener;

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Whether a program can be run. Where it cannot, tests that need it pass over it loudly, but never in CI.
pub fn has(program: &str) -> bool {
    let found = std::process::Command::new(program)
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok();
    if !found {
        assert!(
            std::env::var_os("CI").is_none(),
            "{program} is needed for this test"
        );
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}
