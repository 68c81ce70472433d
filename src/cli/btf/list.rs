//! `btfly btf list`: every BTF that the kernel holds.

use std::collections::BTreeMap;
use std::fmt::Write;

use btfly::sys::bpf::{
    btf_get_fd_by_id, btf_get_next_id, btf_info, btf_name, map_get_fd_by_id, map_get_next_id,
    map_info, prog_get_fd_by_id, prog_get_next_id, prog_info,
};
use btfly::value::escape_json;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{self, Errno};

use super::super::output::{self, Patience, Written};
use super::super::{Common, Failure, parse};
use super::source::refused;

/// List each BTF that is loaded: that of the kernel and its modules, and those of programs and maps.
#[derive(argh::FromArgs)]
struct List {
    /// list
    #[argh(positional)]
    #[allow(dead_code)]
    action: String,

    /// as JSON
    #[argh(switch)]
    json: bool,
}

/// Which programs, or maps, have which BTF.
type Users = BTreeMap<u32, Vec<u32>>;

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let Some(list) = parse::<List>("btf list", args)? else {
        return Ok(());
    };
    let failed = |error| refused("BTF", error);
    let programs = users(prog_get_next_id, prog_get_fd_by_id, |fd| {
        prog_info(fd.as_fd()).map(|info| info.btf_id)
    });
    let programs = programs.map_err(failed)?;
    let maps = users(map_get_next_id, map_get_fd_by_id, |fd| {
        map_info(fd.as_fd()).map(|info| info.btf_id)
    });
    let maps = maps.map_err(failed)?;
    let mut text = String::from(if list.json { "[" } else { "" });
    let mut id = 0;
    let mut first = true;
    while let Some(next) = btf_get_next_id(id).map_err(failed)? {
        id = next;
        let (size, name) = match told(id) {
            // It vanished after it was listed.
            Err(Errno::NOENT) => continue,
            told => told.map_err(failed)?,
        };
        let none = Vec::new();
        let (programs, maps) = (
            programs.get(&id).unwrap_or(&none),
            maps.get(&id).unwrap_or(&none),
        );
        if list.json {
            text.push_str(if first { "" } else { "," });
            json(&mut text, id, size, name.as_deref(), programs, maps);
        } else {
            line(&mut text, id, size, name.as_deref(), programs, maps);
        }
        first = false;
        if output::write(text.as_bytes(), Patience::default())? != Written::All {
            return Ok(());
        }
        text.clear();
    }
    if list.json {
        text.push_str("]\n");
    }
    output::print(&text)
}

/// The bytes of a BTF, and its name where it is the kernel's or a module's.
fn told(id: u32) -> io::Result<(u32, Option<String>)> {
    let btf = btf_get_fd_by_id(id)?;
    let size = btf_info(btf.as_fd())?.btf_size;
    Ok((size, btf_name(btf.as_fd())?))
}

fn users(
    next: fn(u32) -> io::Result<Option<u32>>,
    open: fn(u32) -> io::Result<OwnedFd>,
    btf: fn(&OwnedFd) -> io::Result<u32>,
) -> io::Result<Users> {
    let mut users = Users::new();
    let mut id = 0;
    while let Some(found) = next(id)? {
        id = found;
        match open(id).and_then(|fd| btf(&fd)) {
            Ok(0) | Err(Errno::NOENT) => {}
            Ok(btf) => users.entry(btf).or_default().push(id),
            Err(error) => return Err(error),
        }
    }
    Ok(users)
}

fn line(text: &mut String, id: u32, size: u32, name: Option<&str>, programs: &[u32], maps: &[u32]) {
    let name = match name {
        Some(name) => ["[", &output::plain(name), "]"].concat(),
        None => "<anon>".into(),
    };
    let _ = write!(text, "{id}: name {name}  size {size}B");
    for (label, ids) in [("prog_ids", programs), ("map_ids", maps)] {
        if !ids.is_empty() {
            let _ = write!(text, "  {label} {}", joined(ids));
        }
    }
    text.push('\n');
}

fn json(text: &mut String, id: u32, size: u32, name: Option<&str>, programs: &[u32], maps: &[u32]) {
    let _ = write!(
        text,
        "{{\"id\":{id},\"size\":{size},\"prog_ids\":[{}],\"map_ids\":[{}],\"kernel\":{}",
        joined(programs),
        joined(maps),
        name.is_some()
    );
    if let Some(name) = name {
        let mut escaped = Vec::new();
        escape_json(name.as_bytes(), &mut escaped);
        let _ = write!(text, ",\"name\":\"{}\"", String::from_utf8_lossy(&escaped));
    }
    text.push('}');
}

fn joined(ids: &[u32]) -> String {
    let ids: Vec<String> = ids.iter().map(u32::to_string).collect();
    ids.join(",")
}
