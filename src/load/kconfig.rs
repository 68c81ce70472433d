//! Values of `.kconfig`: those that the loader itself knows, and those of the kernel's configuration.

use super::LoadError;
#[cfg(feature = "full")]
use super::config;
#[cfg(not(feature = "full"))]
use super::no_config as config;
use crate::object::{Global, MapSpec, Object};
use crate::sys::kernel as sys_kernel;
use crate::sys::{Feature, kernel::Version};
use crate::target::Kernel;

pub(super) use config::unknown;

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

/// The contents of the `.kconfig` map.
pub(super) fn values(
    object: &Object<'_>,
    map: &MapSpec<'_>,
    kernel: &Kernel,
) -> Result<Vec<u8>, Box<LoadError>> {
    let mut bytes = vec![0; map.value_size as usize];
    let index = object.map(map.name);
    let config = config::read(object)?;
    for global in object.globals.iter().filter(|g| Some(g.map) == index) {
        let value = match global.name {
            "LINUX_KERNEL_VERSION" => u64::from(sys_kernel::version_code()),
            "LINUX_HAS_SYSCALL_WRAPPER" => {
                let wrapped = sys_kernel::version().is_none_or(|v| v.code() >= WRAPPERS.code());
                u64::from(wrapped)
            }
            "LINUX_HAS_BPF_COOKIE" => u64::from(kernel.features.has(Feature::PerfLink)),
            _ => {
                put(&mut bytes, global, &config::value(object, global, &config)?);
                continue;
            }
        };
        put(&mut bytes, global, &value.to_le_bytes());
    }
    Ok(bytes)
}

fn put(bytes: &mut [u8], global: &Global<'_>, value: &[u8]) {
    let end = global.offset.saturating_add(global.size.min(value.len()));
    if let Some(place) = bytes.get_mut(global.offset..end) {
        let len = place.len();
        place.copy_from_slice(&value[..len]);
    }
}
