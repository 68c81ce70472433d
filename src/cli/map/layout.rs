//! How the keys and values of a map are made: their sizes and, where it was loaded with them, their types.

use btfly::btf::{Btf, Kind, TypeId, Types};
use btfly::sys::abi::{BPF_F_LOCK, MapInfo};
use btfly::sys::bpf::{btf_bytes, btf_get_fd_by_id, map_info};
use btfly::sys::bpf_map::Elements;
use btfly::target::NamedTypes;
use btfly::value::Plan;
use rustix::fd::{AsFd, BorrowedFd};

use super::super::loaded::refused;
use super::super::{Failure, btf};

/// The largest BTF that the kernel takes from a program (`BTF_MAX_SIZE`).
const MOST: usize = 16 << 20;

/// A map that is open, and what is known of its entries.
pub struct Layout<'m> {
    pub info: MapInfo,
    pub elements: Elements<'m>,
    pub key: Option<Plan>,
    pub value: Option<Plan>,
    /// Flags of an update: a value with a lock in it is written under the lock, and read so.
    pub flags: u64,
}

impl<'m> Layout<'m> {
    pub fn of(map: BorrowedFd<'m>) -> Result<Layout<'m>, Failure> {
        let failed = |error| refused("this map", error);
        let info = map_info(map).map_err(failed)?;
        let mut layout = Layout {
            info,
            elements: Elements::of(map).map_err(failed)?,
            key: None,
            value: None,
            flags: 0,
        };
        // Values of struct_ops are of a type of the kernel's own. Where that can't be read they are shown by their
        // bytes, as what has no type.
        let of_kernel = info.btf_vmlinux_value_type_id;
        if of_kernel != 0 {
            let types = btf::of_kernel(info.btf_vmlinux_id).ok();
            let types = types.and_then(|types| NamedTypes::of(types, TypeId(of_kernel)).ok());
            layout.value = types.and_then(|types| plan(&types, of_kernel, info.value_size));
        }
        if info.btf_id == 0 || of_kernel != 0 {
            return Ok(layout);
        }
        let fd = btf_get_fd_by_id(info.btf_id).map_err(failed)?;
        let bytes = btf_bytes(fd.as_fd(), MOST).map_err(failed)?;
        // What can't be read is shown by its bytes too.
        let Ok(types) = Btf::parse(&bytes) else {
            return Ok(layout);
        };
        layout.key = plan(&types, info.btf_key_type_id, info.key_size);
        layout.value = plan(&types, info.btf_value_type_id, info.value_size);
        if has_lock(&types, TypeId(info.btf_value_type_id)) {
            layout.flags = BPF_F_LOCK;
            layout.elements = layout.elements.locked();
        }
        Ok(layout)
    }

    /// Bytes from the value of one CPU to that of the next; `None` for a map with one value for all.
    pub fn stride(&self) -> Option<usize> {
        let size = self.info.value_size as usize;
        (self.elements.value_len() != size).then(|| size.next_multiple_of(8))
    }

    /// The values of a map's value by CPU, or the one that there is.
    pub fn parts<'v>(&self, value: &'v [u8]) -> impl Iterator<Item = &'v [u8]> {
        let size = self.info.value_size as usize;
        let step = self.stride().unwrap_or(value.len());
        value
            .chunks(step.max(1))
            .map(move |part| part.get(..size).unwrap_or(part))
    }
}

/// How a type is shown that has as many bytes.
fn plan(types: &dyn Types, id: u32, size: u32) -> Option<Plan> {
    let plan = Plan::new(types, TypeId(id)).ok().filter(|_| id != 0)?;
    (plan.size() == size as usize).then_some(plan)
}

fn has_lock(btf: &Btf<'_>, value: TypeId) -> bool {
    let Ok(value) = btf.peel(value) else {
        return false;
    };
    value.kind == Kind::Struct
        && (0..value.vlen).any(|index| {
            let member = btf
                .member(&value, index)
                .and_then(|member| btf.peel(member.ty));
            member.is_ok_and(|ty| btf.name(ty.name) == Some("bpf_spin_lock"))
        })
}
