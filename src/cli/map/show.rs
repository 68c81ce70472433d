//! `btfly map list`, `btfly map show MAP`.

use btfly::sys::abi::BPF_MAP_TYPE_PROG_ARRAY;
use btfly::sys::bpf::map_info;
use btfly::sys::bpf_details::fdinfo;
use btfly::sys::holders::value;
use btfly::sys::{map_types, names};
use rustix::fd::BorrowedFd;
use rustix::io;

use super::super::Failure;
use super::super::loaded::{self, Row, Value, Words};

pub fn run(words: &Words<'_>) -> Result<(), Failure> {
    loaded::list(&loaded::MAPS, words, tell)
}

fn tell(map: BorrowedFd<'_>, row: &mut Row) -> io::Result<u32> {
    let info = map_info(map)?;
    let number = |n: u32| Value::Number(n.into());
    row.begin(
        info.id,
        map_types::map_type(info.map_type).map(|t| t.name),
        info.map_type,
    );
    let name = info.name.split(|&b| b == 0).next().unwrap_or_default();
    if !name.is_empty() {
        row.put(
            "name",
            "  name ",
            Value::Text(&String::from_utf8_lossy(name)),
        );
    }
    row.member("flags", number(info.map_flags));
    row.text(&format!("  flags {:#x}", info.map_flags));
    if info.ifindex != 0 {
        row.put("ifindex", "  ifindex ", number(info.ifindex));
    }
    row.put("bytes_key", "\n\tkey ", Value::Size(info.key_size.into()));
    row.put(
        "bytes_value",
        "  value ",
        Value::Size(info.value_size.into()),
    );
    row.put("max_entries", "  max_entries ", number(info.max_entries));
    let fdinfo = fdinfo(map).unwrap_or_default();
    let told = |field: &str| value(&fdinfo, field).and_then(|text| text.parse::<u64>().ok());
    if let Some(memlock) = told("memlock:") {
        row.put("bytes_memlock", "  memlock ", Value::Size(memlock));
    }
    if info.map_extra != 0 {
        row.put("map_extra", "  map_extra ", Value::Number(info.map_extra));
    }
    if info.map_type == BPF_MAP_TYPE_PROG_ARRAY
        && let Some(owner) = told("owner_prog_type:")
    {
        let owner = owner as u32;
        row.kind(
            "owner_prog_type",
            "\n\towner_prog_type ",
            names::prog_type(owner),
            owner,
        );
        let jited = told("owner_jited:").unwrap_or(0) > 0;
        row.put("owner_jited", "  owner jited", Value::Flag(jited));
    }
    let frozen = told("frozen:").unwrap_or(0);
    row.member("frozen", Value::Number(frozen));
    let mut before = "\n\t";
    if info.btf_id > 0 {
        row.put("btf_id", "\n\tbtf_id ", number(info.btf_id));
        before = "  ";
    }
    if frozen > 0 {
        row.text(before);
        row.text("frozen");
    }
    Ok(info.id)
}
