//! The benchmark runs: its quick form measures something and says it in the agreed form.

use std::process::Command;

#[test]
fn the_quick_form_gives_every_figure_it_has() {
    gives("sfu", &["packets_per_cpu_second_n4", "latency_p50_n4", "join_to_first_frame"]);
}

/// Needs Debian's haproxy and nginx, which `./x test` installs.
#[test]
fn so_does_the_proxys() {
    let figures = ["idle_tls", "idle_plain", "bulk_tls", "bulk_plain", "setup_tls", "setup_tls_mlkem", "setup_plain"];
    gives("proxy", &[&figures[..], &["latency_p50", "latency_p99", "calls_cpu", "idle_tls_nginx"]].concat());
}

fn gives(benchmark: &str, figures: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_umweg-bench")).args([benchmark, "--quick"]).output().expect("it starts");
    let told = String::from_utf8(output.stdout).expect("it speaks UTF-8");
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for figure in figures {
        let line = told
            .lines()
            .find_map(|line| line.strip_prefix(&format!("bench {benchmark}: {figure} ours=")))
            .unwrap_or_else(|| panic!("{told}"));
        let ours = line.split(' ').next().and_then(|ours| ours.parse::<f64>().ok());
        assert!(ours.is_some_and(|ours| ours > 0.0), "{line}");
        assert!(line.contains(" peer=") && line.contains(" ratio="), "{line}");
    }
}
