//! `btfly prog list`, `btfly prog show PROG`.

use btfly::btf::{Btf, Kind, TypeId, Types};
use btfly::sys::abi::ProgDetails;
use btfly::sys::bpf::{btf_bytes, btf_get_fd_by_id};
use btfly::sys::bpf_details::{Tables, fdinfo, prog_details, prog_maps, prog_tables};
use btfly::sys::holders::value;
use btfly::sys::{kernel, names};
use btfly::value::WallClock;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io;

use super::super::Failure;
use super::super::loaded::{self, Row, Value, Words, hex};

/// The largest BTF that the kernel takes from a program (`BTF_MAX_SIZE`).
pub const MOST: usize = 16 << 20;

pub fn run(words: &Words<'_>) -> Result<(), Failure> {
    loaded::list(&loaded::PROGRAMS, words, tell)
}

fn tell(prog: BorrowedFd<'_>, row: &mut Row) -> io::Result<u32> {
    let told = prog_details(prog)?;
    let front = &told.front;
    let number = |n: u32| Value::Number(n.into());
    row.begin(front.id, names::prog_type(front.prog_type), front.prog_type);
    let name = name(prog, &told);
    if !name.is_empty() {
        row.put("name", "  name ", Value::Text(&name));
    }
    row.put("tag", "  tag ", Value::Text(&hex(&front.tag, "")));
    if front.ifindex != 0 {
        row.put("ifindex", "  ifindex ", number(front.ifindex));
    }
    row.put(
        "gpl_compatible",
        "  gpl",
        Value::Flag(front.gpl_compatible & 1 != 0),
    );
    if told.run_time_ns > 0 {
        row.put(
            "run_time_ns",
            " run_time_ns ",
            Value::Number(told.run_time_ns),
        );
        row.put("run_cnt", " run_cnt ", Value::Number(told.run_cnt));
    }
    if told.recursion_misses > 0 {
        let misses = Value::Number(told.recursion_misses);
        row.put("recursion_misses", " recursion_misses ", misses);
    }
    if front.load_time > 0 {
        let wall = kernel::boot_to_wall_ns().wrapping_add_unsigned(front.load_time);
        let seconds = u64::try_from(wall / 1_000_000_000).unwrap_or(0);
        row.member("loaded_at", Value::Number(seconds));
        let mut clock = WallClock::default();
        let moment = clock.moment(wall).get(..19).unwrap_or_default();
        let moment = String::from_utf8_lossy(moment);
        row.text(&["\n\tloaded_at ", &moment, "+0000"].concat());
        row.put("uid", "  uid ", number(front.created_by_uid));
    }
    row.put(
        "bytes_xlated",
        "\n\txlated ",
        Value::Size(front.xlated_prog_len.into()),
    );
    row.member("jited", Value::Flag(front.jited_prog_len > 0));
    match front.jited_prog_len {
        0 => row.text("  not jited"),
        len => row.put("bytes_jited", "  jited ", Value::Size(len.into())),
    }
    let fdinfo = fdinfo(prog).unwrap_or_default();
    if let Some(memlock) = value(&fdinfo, "memlock:").and_then(|text| text.parse().ok()) {
        row.put("bytes_memlock", "  memlock ", Value::Size(memlock));
    }
    if front.nr_map_ids > 0 {
        row.put(
            "map_ids",
            "  map_ids ",
            Value::Ids(&prog_maps(prog, front)?),
        );
    }
    if front.btf_id > 0 {
        row.put("btf_id", "\n\tbtf_id ", number(front.btf_id));
    }
    Ok(front.id)
}

/// What a program is called: the kernel keeps 15 characters, and where these are all used, its BTF may have
/// more.
pub fn name(prog: BorrowedFd<'_>, told: &ProgDetails) -> String {
    let kept = told.front.name;
    let kept = kept.split(|&b| b == 0).next().unwrap_or_default();
    let kept = String::from_utf8_lossy(kept).into_owned();
    match kept.len() {
        15 => whole_name(prog, told)
            .filter(|name| name.starts_with(&kept))
            .unwrap_or(kept),
        _ => kept,
    }
}

fn whole_name(prog: BorrowedFd<'_>, told: &ProgDetails) -> Option<String> {
    let tables = prog_tables(prog, told, Tables::FirstFunc).ok()?;
    let [_, id] = *tables.func_info.first()?;
    let btf = btf_get_fd_by_id(told.front.btf_id).ok()?;
    let bytes = btf_bytes(btf.as_fd(), MOST).ok()?;
    let btf = Btf::parse(&bytes).ok()?;
    let func = btf.header(TypeId(id)).ok()?;
    let name = btf.name(func.name).filter(|_| func.kind == Kind::Func)?;
    Some(name.to_owned())
}
