//! `btfly biolatency`.

use std::fs::OpenOptions;
use std::io::Write;

use super::{counted, objects, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::tool_counts::Disk;

#[test]
fn requests_to_a_disk_are_counted() {
    on_board!(board);
    const WRITES: u64 = 40;
    // Boards of the suite have no block device.
    if !board.has_btf() {
        return;
    }
    let _disk = Disk::new(board.module("loop").to_str().unwrap());
    let before = Snapshot::take();
    for options in [&["-d", "7:0"][..], &["-Q", "-D", "-F"]] {
        let watch = tool("biolatency", options);
        let mut disk = OpenOptions::new().write(true).open("/dev/loop0").unwrap();
        for _ in 0..WRITES {
            disk.write_all(&[1; 4096]).unwrap();
            disk.sync_all().unwrap();
        }
        let all = objects(&watch.stop());
        let writes = all.iter().filter(|drawn| {
            let of = drawn["of"].as_str().unwrap();
            options[0] == "-d" || of.contains("disk = 7:0") && of.contains("flags = W")
        });
        let total: u64 = writes.map(|drawn| counted(drawn, 0).0).sum();
        assert!(total >= WRITES, "{options:?}: {all:#?}");
    }
    before.is_restored();
}
