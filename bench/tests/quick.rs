//! The benchmark runs: its quick form measures something and says it in the agreed form.

use std::process::Command;

#[test]
fn the_quick_form_gives_every_figure_it_has() {
    let output = Command::new(env!("CARGO_BIN_EXE_umweg-bench")).args(["sfu", "--quick"]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    for figure in ["packets_per_cpu_second_n4", "latency_p50_n4", "join_to_first_frame"] {
        let line = told
            .lines()
            .find_map(|line| line.strip_prefix(&format!("bench sfu: {figure} ours=")))
            .unwrap_or_else(|| panic!("{told}"));
        let ours: f64 = line.split(' ').next().unwrap().parse().unwrap();
        assert!(ours > 0.0, "{line}");
        assert!(line.contains(" peer=") && line.contains(" ratio="), "{line}");
    }
}
