//! `btfly memleak`.

use std::fs::{self, File};
use std::thread;
use std::time::Duration;

use super::{objects, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::tag;

const FILES: i64 = 300;

/// How many inodes of /tmp's file system are taken and not given back.
fn inodes(work: impl Fn(&str)) -> i64 {
    let folder = format!("/tmp/{}", tag());
    fs::create_dir(&folder).unwrap();
    // No more than what is looked for, so that there is room for all of it.
    let watch = tool("memleak", &["-z", "400", "-Z", "2000", "-T", "1000"]);
    work(&folder);
    let all = objects(&watch.stop());
    let inodes = all.iter().filter(|entry| {
        let stack = entry["stacks"]["stack_id"].to_string();
        stack.contains("\"shmem_alloc_inode+")
    });
    let pieces = inodes
        .map(|entry| entry["value"]["pieces"].as_i64().unwrap())
        .sum();
    fs::remove_dir_all(&folder).unwrap();
    pieces
}

#[test]
fn memory_that_is_not_given_back_is_told_by_where_it_was_taken() {
    on_board!();
    let before = Snapshot::take();
    let make = |folder: &str| {
        for name in 0..FILES {
            File::create(format!("{folder}/{name}")).unwrap();
        }
    };
    let kept = inodes(make);
    assert!(
        (FILES..FILES * 2).contains(&kept),
        "{kept} inodes of {FILES} files"
    );
    let given_back = inodes(|folder| {
        make(folder);
        for name in 0..FILES {
            fs::remove_file(format!("{folder}/{name}")).unwrap();
        }
        // Inodes are given back when no CPU can look at them any more.
        thread::sleep(Duration::from_millis(500));
    });
    assert!(
        given_back < FILES / 2,
        "{given_back} inodes after their files were removed"
    );
    before.is_restored();
}
