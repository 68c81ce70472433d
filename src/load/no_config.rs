//! In the place of `config`, where the feature `full` is not built: nobody looks into the kernel's
//! configuration.

use super::LoadError;
use crate::object::{Global, Object};

/// Weak variables that are 0 for it.
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

/// Nothing that was read.
pub(super) struct Nothing;

pub(super) fn read(_: &Object<'_>) -> Result<Nothing, Box<LoadError>> {
    Ok(Nothing)
}

/// A weak variable is as if it were not set.
pub(super) fn value(
    _: &Object<'_>,
    of: &Global<'_>,
    _: &Nothing,
) -> Result<[u8; 0], Box<LoadError>> {
    match of.weak {
        true => Ok([]),
        false => Err(LoadError::Kconfig(of.name.into()).into()),
    }
}
