//! The table of features: each probe against the version that brought the feature, and each
//! feature's absence against what the tools do.

use btfly::sys::Feature;
use btfly::target::Kernel;

use crate::board::{on_board, version};

/// What a kernel's version does not tell: options that it was built with.
fn is_built_in(feature: Feature, board: &crate::board::Board) -> Option<bool> {
    let symbol = |name: &str| {
        let symbols = std::fs::read_to_string("/proc/kallsyms").unwrap();
        symbols
            .lines()
            .any(|line| line.split(' ').nth(2) == Some(name))
    };
    match feature {
        Feature::KprobePmu => Some(board.has_kprobes()),
        // CONFIG_FPROBE and CONFIG_UPROBES.
        #[cfg(feature = "full")]
        Feature::KprobeMulti => Some(symbol("register_fprobe_ips")),
        #[cfg(feature = "full")]
        Feature::UprobeMulti => Some(symbol("uprobe_register")),
        _ => None,
    }
}

#[test]
fn each_feature_came_with_the_version_that_the_table_says() {
    on_board!(board);
    let features = Kernel::running().features;
    let wrong: Vec<String> = Feature::all()
        .filter_map(|feature| {
            let built_in = is_built_in(feature, &board).unwrap_or(true);
            let expected = version() >= feature.since() && built_in;
            let found = features.has(feature);
            let (name, since) = (feature.name(), feature.since());
            (found != expected).then(|| format!("{name} of {since:?}: found {found}"))
        })
        .collect();
    assert_eq!(wrong, [""; 0], "on {:?}", version());
}
