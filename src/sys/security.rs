//! The Linux security modules.

use super::file;

/// The modules that are active, with commas between; `None` where securityfs does not say.
pub fn active_modules() -> Option<String> {
    let mut buffer = [0; 256];
    let text = file::read("/sys/kernel/security/lsm", &mut buffer).ok()?;
    let text = std::str::from_utf8(text).ok()?.trim_ascii();
    (!text.is_empty()).then(|| text.to_owned())
}
