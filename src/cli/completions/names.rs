//! Ids, names and pins of what is loaded. Where they can't be read there are none: a shell that completes has
//! nobody to tell.

use btfly::sys::bpf::btf_get_next_id;
use btfly::sys::bpf_pin::{kind_of, obj_get};
use btfly::sys::file;
use rustix::fd::AsFd;

use super::super::loaded::{Kind, LINKS, MAPS, PROGRAMS, hex, path};

/// Where pins are looked for.
const PINS: &str = "/sys/fs/bpf";
/// How deep, and how many at most.
const DEPTH: usize = 8;
const MOST: usize = 4096;

/// Programs, maps or links.
pub struct Names {
    kind: &'static Kind,
    /// How one may be named.
    ways: &'static [&'static str],
}

impl Names {
    /// Those that a part of a form stands for.
    pub fn of(part: &str) -> Option<Names> {
        let (kind, ways): (_, &[&str]) = match part {
            "PROG" => (&PROGRAMS, &["id", "name", "tag", "pinned"]),
            "MAP" => (&MAPS, &["id", "name", "pinned"]),
            "LINK" => (&LINKS, &["id", "pinned"]),
            _ => return None,
        };
        Some(Names { kind, ways })
    }

    /// Adds what one may be named by that begins with `last`: by ids, names, tags or pins alone behind such a word.
    pub fn add(&self, how: Option<&str>, last: &str, found: &mut Vec<String>) {
        if how.is_none() {
            found.extend(self.ways.iter().map(|way| (*way).to_owned()));
        }
        if how == Some("pinned") || how.is_none() && last.starts_with('/') {
            return self.pins(found);
        }
        let mut id = 0;
        while let Ok(Some(next)) = (self.kind.next)(id) {
            id = next;
            let told = (self.kind.open)(id).and_then(|fd| (self.kind.told)(fd.as_fd()));
            let Ok((_, name, tag)) = told else {
                continue;
            };
            if how.is_none_or(|how| how == "id") {
                found.push(id.to_string());
            }
            if how.is_none_or(|how| how == "name") {
                let name = name.split(|&b| b == 0).next().unwrap_or_default();
                found.push(String::from_utf8_lossy(name).into_owned());
            }
            if let Some(tag) = tag.filter(|_| how == Some("tag")) {
                found.push(hex(&tag, ""));
            }
        }
    }

    fn pins(&self, found: &mut Vec<String>) {
        let mut folders = vec![(PINS.to_owned(), 0)];
        let mut seen = 0;
        while let Some((folder, depth)) = folders.pop() {
            let mut entries = Vec::new();
            let _ = file::open_folder(&folder).and_then(|open| {
                file::for_each_entry(&open, &mut |name| {
                    seen += 1;
                    if seen <= MOST {
                        entries.push([&folder, "/", name].concat());
                    }
                })
            });
            for entry in entries {
                let is_of_kind = path(&entry).is_ok_and(|name| {
                    let pin = obj_get(&name).ok();
                    pin.is_some_and(|pin| self.kind.is(kind_of(pin.as_fd()).as_deref()))
                });
                if is_of_kind {
                    found.push(entry);
                } else if depth < DEPTH && file::open_folder(&entry).is_ok() {
                    folders.push((entry, depth + 1));
                }
            }
        }
    }
}

/// Adds the ids of BTF.
pub fn btfs(found: &mut Vec<String>) {
    let mut id = 0;
    while let Ok(Some(next)) = btf_get_next_id(id) {
        id = next;
        found.push(id.to_string());
    }
}
