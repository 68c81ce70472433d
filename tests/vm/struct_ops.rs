//! Tables of functions for the kernel: they load where the kernel takes them, whatever their layout.

use crate::board::{object, on_board};
use crate::bpftool::loads_all;
use crate::left::Snapshot;
use crate::watch::{Done, Watch, full};

const MISSING: i32 = 3;

fn load(name: &str) -> Done {
    let mut command = full();
    command.args(["load", &object(&format!("tests/{name}.bpf.o")), "--dry-run"]);
    Watch::spawn(command).end()
}

#[test]
fn a_congestion_control_loads_as_by_bpftool() {
    on_board!(board);
    let before = Snapshot::take();
    let done = load("struct_ops");
    match board.has_btf() {
        true => {
            loads_all(&object("tests/struct_ops.bpf.o")).unwrap();
            assert_eq!(done.code, Some(0), "{done:#?}");
            let text = done.stdout.join("\n");
            for program in ["ssthresh", "undo_cwnd", "cong_avoid"] {
                assert!(text.contains(program), "{program} in {text}");
            }
        }
        false => done.failed(MISSING, &["map still", "BTF", "CONFIG_DEBUG_INFO_BTF"]),
    }
    before.is_restored();
}

#[test]
fn a_table_that_nobody_asks_for_is_not_made_nor_its_program_loaded() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let done = load("struct_ops_left");
    assert_eq!(done.code, Some(0), "{done:#?}");
    let text = done.stdout.join("\n");
    assert!(
        text.contains("ssthresh") && !text.contains("never_called"),
        "{text}"
    );
    before.is_restored();
}

#[test]
fn a_table_that_does_not_fit_is_named_with_its_member() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    for (name, words) in [
        (
            "struct_ops_odd",
            &[
                "map odd",
                "tcp_congestion_ops",
                "no_such_setting, which is set",
            ][..],
        ),
        (
            "struct_ops_call",
            &[
                "map odd",
                "tcp_congestion_ops",
                "no_such_call, which is set",
            ],
        ),
        (
            "struct_ops_size",
            &["map odd", "tcp_congestion_ops", "flags has 8 bytes, and 4"],
        ),
        (
            "struct_ops_none",
            &["map odd", "no_such_ops", "bpf_struct_ops_no_such_ops"],
        ),
    ] {
        assert!(loads_all(&object(&format!("tests/{name}.bpf.o"))).is_err());
        load(name).failed(MISSING, words);
        before.is_restored();
    }
}
