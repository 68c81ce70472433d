//! The kernel's configuration, as far as an object asks for it.

use super::LoadError;
use crate::object::{Global, Object};
use crate::relocate::{ExternError, config_bytes};
use crate::sys::file;
use crate::target::Config;

const PREFIX: &str = "CONFIG_";

/// The variables whose values are in the kernel's configuration.
fn wanted<'o, 'a>(object: &'o Object<'a>) -> impl Iterator<Item = &'o Global<'a>> {
    let index = object.map(".kconfig");
    let globals = object.globals.iter();
    globals.filter(move |g| Some(g.map) == index && g.name.starts_with(PREFIX))
}

/// What is 0 because there is no configuration to look into.
pub(super) fn unknown(object: &Object<'_>) -> Option<String> {
    let names: Vec<&str> = wanted(object).map(|global| global.name).collect();
    let there = || {
        Config::places()
            .iter()
            .any(|path| file::open(&**path).is_ok())
    };
    if names.is_empty() || there() {
        return None;
    }
    let names = names.join(", ");
    Some(
        [
            "taken as 0, the kernel's configuration not being known: ",
            &names,
        ]
        .concat(),
    )
}

/// The values that `object` asks for. `None`: there is nothing to look in.
pub(super) fn read(object: &Object<'_>) -> Result<Option<Config>, Box<LoadError>> {
    if wanted(object).next().is_none() {
        return Ok(None);
    }
    let config = Config::running(wanted(object).map(|global| global.name));
    match config {
        // What is weak may do without.
        Err(_) if wanted(object).all(|global| global.weak) => Ok(None),
        config => Ok(config?),
    }
}

/// The bytes of one variable; none for 0.
pub(super) fn value(
    object: &Object<'_>,
    of: &Global<'_>,
    config: &Option<Config>,
) -> Result<Vec<u8>, Box<LoadError>> {
    let may_be = of.weak && of.name.starts_with("LINUX_");
    if !of.name.starts_with(PREFIX) && !may_be {
        return Err(ExternError::NoSuchConfig(of.name.into()).into());
    }
    let value = config.as_ref().and_then(|config| config.get(of.name));
    let (Some(btf), Some(value)) = (&object.btf, value) else {
        return match (of.weak, config) {
            (true, _) => Ok(Vec::new()),
            (false, Some(_)) => Err(LoadError::ConfigNotSet(of.name.into()).into()),
            (false, None) => Err(LoadError::NoConfig(of.name.into()).into()),
        };
    };
    let bytes = config_bytes(btf, of.ty, value);
    let bytes = bytes.map_err(|why| ExternError::Value {
        name: of.name.into(),
        value: value.into(),
        why,
    });
    Ok(bytes?)
}
