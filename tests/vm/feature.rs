//! `btfly feature`: what it finds is what Debian's bpftool finds, and what the kernel does.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::time::Instant;

use serde_json::{Map, Value};

use crate::board::{on_board, version};
use crate::left::Snapshot;
use crate::loaded::{json, printed, theirs};
use crate::program::NOBODY;
use crate::types::end;
use crate::watch::{btfly, full};

fn members<'v>(of: &'v Value, name: &str) -> &'v Map<String, Value> {
    of[name]
        .as_object()
        .unwrap_or_else(|| panic!("no {name} in {of}"))
}

fn names(list: &Value) -> BTreeSet<&str> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
        .collect()
}

/// Each difference has its reason in docs/bpftool.md.
#[test]
fn what_a_kernel_has_is_told_as_by_bpftool() {
    on_board!();
    let before = Snapshot::take();
    let begun = Instant::now();
    let ours = json(&printed(&["feature", "--json"]));
    let own_time = begun.elapsed();
    let begun = Instant::now();
    let theirs = json(&theirs(&["-j", "feature", "probe", "kernel"]));
    println!("{own_time:?}, bpftool {:?}", begun.elapsed());
    for section in ["program_types", "map_types", "misc", "syscall_config"] {
        let ours = members(&ours, section);
        for (name, is) in members(&theirs, section) {
            // It asks with a field that kernels before 6.9 do not have.
            if name == "have_struct_ops_map_type" && version() < (6, 9) {
                continue;
            }
            assert_eq!(Some(is), ours.get(name), "{section}: {name}");
        }
    }
    let config = members(&ours, "system_config");
    for (name, value) in members(&theirs, "system_config") {
        let absent = value == -1;
        match config.get(name) {
            Some(Value::Null) if absent => {}
            Some(ours) => assert_eq!(&plain(ours), &plain(value), "{name}"),
            None => assert!(value.is_null(), "{name} is not told: {value}"),
        }
    }
    let helpers = members(&ours, "helpers");
    let mut compared = 0;
    for (kind, known) in members(&theirs, "helpers") {
        let (ours, known) = (names(&helpers[kind]), names(known));
        // Of these bpftool can't load any.
        if known.is_empty() && ["tracing", "lsm"].iter().any(|k| kind.starts_with(k)) {
            continue;
        }
        compared += known.len();
        let missing: Vec<_> = known.difference(&ours).collect();
        assert!(missing.is_empty(), "{kind}: bpftool has {missing:?} too");
        // Helpers that bpftool is too old to know.
        let latest: BTreeSet<&str> = ours.difference(&known).copied().collect();
        assert!(latest.is_subset(&newer()), "{kind}: only here {latest:?}");
    }
    assert!(compared > 1000, "{compared} helpers");
    before.is_restored();
}

/// A value as both write it.
fn plain(value: &Value) -> String {
    value.to_string().replace("\\\"", "").replace('"', "")
}

/// Helpers that came after Debian's bpftool.
fn newer() -> BTreeSet<&'static str> {
    [
        "bpf_user_ringbuf_drain",
        "bpf_cgrp_storage_get",
        "bpf_cgrp_storage_delete",
    ]
    .into()
}

#[test]
fn what_is_told_of_attaching_is_what_this_kernel_does() {
    on_board!(board);
    let before = Snapshot::take();
    let told = json(&printed(&["feature", "attach", "btf", "loader", "-j"]));
    let attach = members(&told, "attach_kinds");
    let since = |name: &str, (major, minor): (u32, u32)| {
        assert_eq!(
            attach[name],
            version() >= (major, minor),
            "{name}: {attach:?}"
        );
    };
    println!("{attach:?}");
    for name in [
        "raw_tracepoint",
        "tracepoint",
        "syscall_tracepoints",
        "perf_event",
    ] {
        assert_eq!(attach[name], true, "{name}");
    }
    for name in ["kprobe_perf", "kprobe_tracefs"] {
        assert_eq!(attach[name], board.has_kprobes(), "{name}");
    }
    since("perf_link", (5, 15));
    if board.has_btf() {
        for name in [
            "cgroup_link",
            "xdp_link",
            "netns_link",
            "tp_btf",
            "iter",
            "struct_ops",
        ] {
            assert_eq!(attach[name], true, "{name}");
        }
        since("tcx", (6, 6));
        since("netfilter", (6, 4));
        since("fentry", (6, 4));
    } else {
        for name in ["fentry", "tp_btf", "iter", "lsm", "struct_ops"] {
            assert_eq!(attach[name], false, "{name}");
        }
    }
    for (kind, with) in [
        ("int", "btf"),
        ("func", "btf-func"),
        ("enum64", "btf-enum64"),
    ] {
        assert_eq!(told["btf_kinds"][kind], told["loader"][with], "{kind}");
    }
    let hidden = json(&printed(&[
        "feature",
        "btf",
        "-j",
        "--without",
        "btf-float",
    ]));
    assert_eq!(hidden["btf_kinds"]["float"], false);
    before.is_restored();
}

#[test]
fn features_are_told_in_lines_too() {
    on_board!();
    for build in [btfly, full] {
        let done = end(build(), &["feature", "system", "programs", "maps"]);
        assert_eq!((done.code, done.stderr.len()), (Some(0), 0), "{done:?}");
        let text = done.stdout.join("\n");
        for line in [
            "system:\n",
            "\n  program type xdp: yes\n",
            "\n  map type hash: yes\n",
            "\n  kptr_restrict: ",
        ] {
            assert!(text.contains(line), "{line:?} in {text}");
        }
        assert!(!text.contains("helpers of"), "{text}");
    }
}

#[test]
fn helpers_of_tracing_programs_are_told_where_there_are_such() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let told = json(&printed(&["feature", "helpers", "-j"]));
    let tracing = names(&told["helpers"]["tracing_available_helpers"]);
    for helper in [
        "bpf_map_lookup_elem",
        "bpf_probe_read_kernel",
        "bpf_get_current_comm",
    ] {
        assert!(tracing.contains(helper), "{helper} in {tracing:?}");
    }
    // It would leave a note in the kernel's log.
    assert!(!tracing.contains("bpf_trace_printk"));
}

#[test]
fn who_may_not_ask_is_told_so_in_one_error() {
    on_board!();
    let nobody = || {
        let mut command = btfly();
        command.uid(NOBODY).gid(NOBODY);
        command
    };
    end(nobody(), &["feature"]).failed(4, &["not permitted", "run it as root"]);
    end(nobody(), &["feature", "system", "helpers"]).failed(4, &["not permitted"]);
    let done = end(nobody(), &["feature", "system"]);
    assert_eq!((done.code, done.stderr.len()), (Some(0), 0), "{done:?}");
    end(btfly(), &["feature", "sytem"]).failed(1, &["no section 'sytem'", "system, config"]);
}
