//! Values of `.kconfig` that the loader itself knows.

use super::LoadError;
use crate::object::{MapSpec, Object};
use crate::sys::kernel as sys_kernel;
use crate::sys::{Feature, kernel::Version};
use crate::target::Kernel;

/// System calls got wrappers with a common prefix on arm64 in 4.19, on x86 in 4.17.
const WRAPPERS: Version = Version {
    major: 4,
    minor: if cfg!(target_arch = "aarch64") {
        19
    } else {
        17
    },
    sublevel: 0,
};

/// Weak variables that are 0 because nobody looks into the kernel's configuration yet.
pub(super) fn unknown(object: &Object<'_>) -> Option<String> {
    let index = object.map(".kconfig")?;
    let names: Vec<&str> = object
        .globals
        .iter()
        .filter(|g| g.map == index && g.weak && !g.name.starts_with("LINUX_"))
        .map(|g| g.name)
        .collect();
    match names.is_empty() {
        true => None,
        false => Some(["taken as 0, not being known: ", &names.join(", ")].concat()),
    }
}

/// The contents of the `.kconfig` map.
pub(super) fn values(
    object: &Object<'_>,
    map: &MapSpec<'_>,
    kernel: &Kernel,
) -> Result<Vec<u8>, LoadError> {
    let mut bytes = vec![0; map.value_size as usize];
    let index = object.map(map.name);
    for global in object.globals.iter().filter(|g| Some(g.map) == index) {
        let value = match global.name {
            "LINUX_KERNEL_VERSION" => u64::from(sys_kernel::version_code()),
            "LINUX_HAS_SYSCALL_WRAPPER" => {
                let wrapped = sys_kernel::version().is_none_or(|v| v.code() >= WRAPPERS.code());
                u64::from(wrapped)
            }
            "LINUX_HAS_BPF_COOKIE" => u64::from(kernel.features.has(Feature::PerfLink)),
            // CONFIG_… of a weak variable: as if it were not set.
            _ if global.weak => 0,
            other => return Err(LoadError::Kconfig(other.into())),
        };
        let place = bytes.get_mut(global.offset..global.offset + global.size.min(8));
        if let Some(place) = place {
            let len = place.len();
            place.copy_from_slice(&value.to_le_bytes()[..len]);
        }
    }
    Ok(bytes)
}
