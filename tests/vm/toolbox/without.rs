//! What tools say on boards that lack something they need.

use super::build;
use crate::board::on_board;
use crate::left::Snapshot;
use crate::watch::Watch;

const MISSING: i32 = 3;

/// Tools that need kprobes, and those that read structs of the kernel besides.
const PROBES: [(&str, &[&str]); 4] = [
    ("capable", &[]),
    ("cachestat", &[]),
    ("vfsstat", &[]),
    ("funclatency", &["vfs_read"]),
];
const STRUCTS: [&str; 3] = ["filetop", "filelife", "fsslower"];

#[test]
fn a_tool_says_what_this_board_lacks_and_leaves_nothing() {
    on_board!(board);
    if board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let end = |tool: &str, args: &[&str]| Watch::spawn(build(&[&[tool], args].concat())).end();
    for tool in STRUCTS {
        end(tool, &[]).failed(MISSING, &["needs the layout of struct", "--btf"]);
    }
    if !board.has_kprobes() {
        for (tool, args) in PROBES {
            end(tool, args).failed(MISSING, &["kprobe"]);
        }
    }
    before.is_restored();
}
