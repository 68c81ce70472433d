//! Kernels for the tests: small BTFs in files, and archives.

use std::path::{Path, PathBuf};
use std::process::Command;

use btfly::btf::{Encoder, Kind, Record, TypeId};

/// A folder for the files of one test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str) -> Folder {
        let name = format!("btfly-check-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0
            .join(name)
            .to_str()
            .unwrap()
            .trim_end_matches("/.")
            .into()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn kernel(&self, release: &str, types: &Encoder) -> String {
        self.write(&[release, ".btf"].concat(), &types.bytes())
    }

    /// Has what `hello` reads: `task_struct.tgid` at 2468, `pt_regs.orig_x0` at 272.
    pub fn new_kernel(&self, release: &str) -> String {
        self.kernel(release, &types(true))
    }

    /// Lacks `pt_regs.orig_x0`.
    pub fn old_kernel(&self, release: &str) -> String {
        self.kernel(release, &types(false))
    }

    /// Has `task_struct.tgid` in two structs, at two places.
    pub fn ambiguous_kernel(&self, release: &str) -> String {
        let mut types = types(true);
        let int = types.int("int", 4, true);
        types.structure("task_struct", 4000, &[("tgid", int, 3000)]);
        self.kernel(release, &types)
    }

    /// Has what `externs` can't do without.
    pub fn with_kfuncs(&self, release: &str) -> String {
        let mut types = Encoder::default();
        let int = types.int("int", 4, true);
        let task = types.structure("task_struct", 4000, &[("pid", int, 2464)]);
        let task = types.plain(Kind::Ptr, "", task.0);
        for (name, result) in [
            ("bpf_task_acquire", task),
            ("bpf_task_release", TypeId::VOID),
        ] {
            let param = [types.name("task"), task.0];
            let proto = record(&mut types, "", Kind::FuncProto, (1, result), &param);
            record(&mut types, name, Kind::Func, (0, proto), &[]);
        }
        let rq = types.structure("rq", 4, &[("cpu", int, 0)]);
        record(&mut types, "runqueues", Kind::Var, (0, rq), &[1]);
        self.kernel(release, &types)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn record(
    types: &mut Encoder,
    name: &str,
    kind: Kind,
    (vlen, of): (u32, TypeId),
    rest: &[u32],
) -> TypeId {
    let record = Record {
        kind,
        flag: false,
        vlen,
        size_or_type: of.0,
        rest,
    };
    types.add(name, record)
}

fn types(orig_x0: bool) -> Encoder {
    let mut types = Encoder::default();
    let int = types.int("int", 4, true);
    types.structure("task_struct", 4000, &[("tgid", int, 2468)]);
    let long = types.int("unsigned long long", 8, false);
    let member = match orig_x0 {
        true => "orig_x0",
        false => "pc",
    };
    types.structure("pt_regs", 300, &[(member, long, 272)]);
    types
}

/// A gzip file with `text` in it, not packed: one stored block.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap();
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
    out.extend(len.to_le_bytes());
    out.extend((!len).to_le_bytes());
    out.extend(text);
    out.extend([0; 8]);
    out
}

/// Every archive in a folder and its folders.
pub fn archives(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(archives(&path));
        } else if path.to_str().unwrap().ends_with(".btf.tar.xz") {
            found.push(path.to_str().unwrap().into());
        }
    }
    found.sort();
    found
}

/// What is in an archive, unpacked by tar and xz.
pub fn unpacked(archive: &str) -> Vec<u8> {
    let output = Command::new("tar")
        .args(["-xJOf", archive])
        .output()
        .expect("tar");
    assert!(output.status.success(), "{archive}");
    output.stdout
}
