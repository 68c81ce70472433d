//! `btfly mount`.

use std::fs;

use super::{is_number, json, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::tag;
use crate::tools::run;

#[test]
fn mounts_are_told_with_what_came_of_them() {
    on_board!();
    let before = Snapshot::take();
    let watch = tool("mount", &[]);
    let name = tag();
    let folder = format!("/tmp/{name}");
    fs::create_dir(&folder).unwrap();
    let mounts = run(&["mount", "-t", "tmpfs", "-o", "ro,size=64k", &name, &folder]);
    let unmounts = run(&["umount", &folder]);
    let fails = run(&["mount", "-t", "nothing", &name, "/nowhere"]);
    let event = |pid: &str, call: &str| {
        let found = |line: &str| is_number(&json(line)["pid"], pid) && json(line)["call"] == call;
        json(&watch.line(&format!("{call} of {pid}"), found))
    };
    let mounted = event(&mounts, "MOUNT");
    for (field, text) in [
        ("fs", "tmpfs"),
        ("source", &name),
        ("target", &folder),
        ("data", "size=64k"),
    ] {
        assert_eq!(mounted[field], text, "{mounted}");
    }
    assert_eq!(mounted["ret"], 0, "{mounted}");
    assert!(
        mounted["flags"].as_str().unwrap().contains("MS_RDONLY"),
        "{mounted}"
    );
    assert!(mounted["took_ns"].as_u64().unwrap() > 0, "{mounted}");
    let unmounted = event(&unmounts, "UMOUNT");
    assert_eq!(
        (&unmounted["ret"], &unmounted["target"]),
        (&0.into(), &folder.as_str().into())
    );
    let failed = event(&fails, "MOUNT");
    assert_eq!(
        (&failed["ret"], &failed["target"]),
        (&"ENOENT".into(), &"/nowhere".into())
    );
    watch.stop();
    fs::remove_dir(&folder).unwrap();
    before.is_restored();
}
