//! The contents of data sections.

use rustix::fd::BorrowedFd;

use super::{LoadError, Making};
use crate::load::kconfig;
use crate::object::{DataKind, MapSpec};
use crate::sys::{abi, bpf, bpf_map};

impl Making<'_, '_> {
    /// Fills the map of a data section; what programs only read is then closed to everybody.
    pub(super) fn fill(
        &self,
        map: &MapSpec<'_>,
        kind: DataKind,
        initial: &[u8],
        fd: BorrowedFd<'_>,
    ) -> Result<(), Box<LoadError>> {
        let failed = |errno| LoadError::Contents {
            map: map.name.into(),
            errno,
        };
        let key = 0u32.to_ne_bytes();
        if kind == DataKind::Kconfig {
            let value = kconfig::values(self.object, map, self.kernel)?;
            bpf_map::map_update(fd, &key, &value, abi::BPF_ANY).map_err(failed)?;
        } else if !initial.is_empty() {
            bpf_map::map_update(fd, &key, initial, abi::BPF_ANY).map_err(failed)?;
        }
        if matches!(kind, DataKind::Rodata | DataKind::Kconfig) && !self.is_plain(map) {
            bpf::map_freeze(fd).map_err(failed)?;
        }
        Ok(())
    }
}
