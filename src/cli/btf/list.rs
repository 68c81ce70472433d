//! `btfly btf list`: every BTF that the kernel holds.

use std::collections::BTreeMap;

use btfly::sys::bpf::{
    btf_get_fd_by_id, btf_get_next_id, btf_info, btf_name, map_get_fd_by_id, map_get_next_id,
    map_info, prog_get_fd_by_id, prog_get_next_id, prog_info,
};
use btfly::sys::holders::holders;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::{self, Errno};

use super::super::loaded::{Row, Value, no_more, refused};
use super::super::output::{self, Patience, Written};
use super::super::{Common, Failure, taking};

const HELP: &str = "\
Usage: btfly btf list [--json]

List each BTF that is loaded: that of the kernel and its modules, and those of programs and maps.

Options:
  --json            as JSON
  --help, help      display usage information
";

/// Which programs, or maps, have which BTF.
type Users = BTreeMap<u32, Vec<u32>>;

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let mut json = false;
    let words = taking::words("btf list", HELP, args, &mut |given, _| {
        let is_json = given.is_plain() && taking::is_json(given.name);
        json |= is_json;
        Ok(is_json)
    })?;
    let Some(words) = words else {
        return Ok(());
    };
    no_more("btf list", &words)?;
    let failed = |error| refused("BTF", error);
    let programs = users(prog_get_next_id, prog_get_fd_by_id, |fd| {
        prog_info(fd.as_fd()).map(|info| info.btf_id)
    });
    let programs = programs.map_err(failed)?;
    let maps = users(map_get_next_id, map_get_fd_by_id, |fd| {
        map_info(fd.as_fd()).map(|info| info.btf_id)
    });
    let maps = maps.map_err(failed)?;
    // Without /proc nobody is known.
    let holders = holders("btf_id:").unwrap_or_default();
    let own = std::process::id();
    let mut text = String::from(if json { "[" } else { "" });
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
        text.push_str(if json && !first { "," } else { "" });
        let mut row = Row::new(json);
        tell(&mut row, id, size, name.as_deref(), programs, maps);
        let held = holders.iter().filter(|h| h.id == id && h.pid != own);
        row.holders(held.map(|h| (h.pid, &*h.comm)));
        text.push_str(&row.end());
        first = false;
        if output::write(text.as_bytes(), Patience::default())? != Written::All {
            return Ok(());
        }
        text.clear();
    }
    if json {
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

fn tell(row: &mut Row, id: u32, size: u32, name: Option<&str>, programs: &[u32], maps: &[u32]) {
    row.put("id", "", Value::Number(id.into()));
    row.text(": name ");
    match name {
        Some(name) => row.text(&["[", &output::plain(name), "]"].concat()),
        None => row.text("<anon>"),
    }
    row.put("size", "  size ", Value::Size(size.into()));
    for (name, label, ids) in [
        ("prog_ids", "  prog_ids ", programs),
        ("map_ids", "  map_ids ", maps),
    ] {
        if row.json || !ids.is_empty() {
            row.put(name, label, Value::Ids(ids));
        }
    }
    row.member("kernel", Value::Flag(name.is_some()));
    if let Some(name) = name {
        row.member("name", Value::Text(name));
    }
}
