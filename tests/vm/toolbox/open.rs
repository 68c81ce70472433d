//! `btfly open`.

use std::fs::{self, File, OpenOptions};
use std::thread;
use std::time::Duration;

use super::{event_with, json, own_pid, tool};
use crate::board::on_board;
use crate::left::Snapshot;
use crate::program::tag;

#[test]
fn a_file_that_is_opened_is_told_with_its_flags_and_what_came_of_it() {
    on_board!();
    let before = Snapshot::take();
    let watch = tool("open", &[]);
    let path = format!("/tmp/{}", tag());
    let file = OpenOptions::new().append(true).create(true).open(&path);
    drop(file.unwrap());
    let event = event_with(&watch, "path", &path);
    assert_eq!(event["pid"], std::process::id(), "{event}");
    assert_eq!(event["uid"], 0, "{event}");
    // The C library adds O_LARGEFILE.
    let flags = event["flags"].as_str().unwrap().replace("O_LARGEFILE|", "");
    assert_eq!(flags, "O_WRONLY|O_CREAT|O_APPEND|O_CLOEXEC", "{event}");
    assert!(event["ret"].as_i64().unwrap() > 2, "{event}");
    fs::remove_file(&path).unwrap();
    File::open(&path).unwrap_err();
    let failed = watch.line("the failure", |line| {
        let event = json(line);
        event["path"] == *path && event["ret"] == "ENOENT"
    });
    assert_eq!(json(&failed)["pid"], std::process::id());
    // What it looks at again and again, it does not open each time.
    thread::sleep(Duration::from_secs(1));
    let done = watch.stop();
    let looked = done
        .stdout
        .iter()
        .filter(|line| line.contains("/cpu/online"));
    assert_eq!(looked.count(), 0, "{done:#?}");
    before.is_restored();
}

#[test]
fn open_tells_only_what_is_asked_for() {
    on_board!();
    let pid = own_pid();
    let (there, missing) = (format!("/tmp/{}", tag()), format!("/tmp/{}", tag()));
    File::create(&there).unwrap();
    for (options, expected) in [
        (&["-x", "-p", &pid][..], &[&missing][..]),
        (&["-p", "1"], &[]),
        (&["-u", "12345"], &[]),
        (&["-n", "nobody"], &[]),
        (
            &["--where", "ret=ENOENT", "--where", "path~/tmp/tag"],
            &[&missing],
        ),
        (&["-p", &pid, "--where", "ret>=0"], &[&there]),
        (&["-p", &pid], &[&there, &missing]),
    ] {
        let watch = tool("open", options);
        let _ = (File::open(&there), File::open(&missing));
        for path in expected {
            event_with(&watch, "path", path);
        }
        let done = watch.stop();
        let told = |path: &str| {
            done.stdout
                .iter()
                .filter(|l| json(l)["path"] == *path)
                .count()
        };
        for path in [&there, &missing] {
            let wanted = usize::from(expected.contains(&path));
            assert_eq!(told(path), wanted, "{options:?}: {:#?}", done.stdout);
        }
    }
    fs::remove_file(&there).unwrap();
}
