//! `btfly bio`.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use super::{json, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::tool_counts::Disk;

#[test]
fn a_write_to_a_disk_is_told_with_its_place_and_its_process() {
    on_board!(board);
    // Boards of the suite have no block device that takes requests.
    if !board.has_btf() {
        return;
    }
    let _disk = Disk::new(board.module("loop").to_str().unwrap());
    let before = Snapshot::take();
    let watch = tool("bio", &["-d", "7:0"]);
    let others = tool("bio", &["-d", "1:0"]);
    let slow = tool("bio", &["-m", "60000"]);
    let disk = OpenOptions::new().write(true).open("/dev/loop0").unwrap();
    let pages = [1; 65536];
    disk.write_all_at(&pages, 131_072).unwrap();
    disk.sync_all().unwrap();
    // Whether the kernel writes in one piece or in several is its own affair.
    let of_write = |line: &str| {
        let event = json(line);
        let sector = event["sector"].as_u64().unwrap_or(0);
        (256..384).contains(&sector) && event["rwbs"].as_str().unwrap_or("").starts_with('W')
    };
    watch.line("the write", of_write);
    let done = watch.stop();
    let writes = done.stdout.iter().filter(|line| of_write(line));
    let writes: Vec<_> = writes.map(|line| json(line)).collect();
    let bytes: u64 = writes
        .iter()
        .map(|event| event["bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(bytes, 65536, "{writes:#?}");
    for event in &writes {
        assert_eq!(event["dev"], "7:0", "{event}");
        assert_eq!(event["pid"].to_string(), own_pid(), "{event}");
        assert_eq!(event["error"], 0, "{event}");
        assert!(event["took_ns"].as_u64().unwrap() > 0, "{event}");
        assert!(event["queue_ns"].as_u64().unwrap() > 0, "{event}");
    }
    assert_eq!(others.stop().stdout, [""; 0]);
    assert_eq!(slow.stop().stdout, [""; 0]);
    drop(disk);
    before.is_restored();
}
