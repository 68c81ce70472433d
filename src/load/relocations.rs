//! The object's code, fitted to the kernel's types.

use super::{LoadError, Options};
use crate::object::Object;
use crate::relocate::{Fitted, fit, names_wanted};
use crate::target::{Kernel, TypeSource};

/// The instructions of each section, fitted to the kernel.
pub(super) struct Relocated {
    pub fitted: Fitted,
    /// Where the types are from; `None`: the kernel has none.
    pub from: Option<String>,
    /// Essential names of types that are not known here, though the kernel may have them: it has
    /// no BTF. Where there is nothing but BTF (without the feature `full`), `from` tells.
    pub unknown: Vec<String>,
}

pub(super) fn apply(
    object: &Object<'_>,
    kernel: &Kernel,
    options: &mut Options<'_>,
) -> Result<Relocated, LoadError> {
    let wanted = names_wanted(object, options.choose)?;
    let source = match wanted.is_empty() {
        true => TypeSource::none(),
        false => kernel.types(&wanted)?,
    };
    let types = &*source.types;
    #[cfg(feature = "full")]
    let unknown = match source.extent {
        crate::target::Extent::Parts => {
            crate::relocate::roots_missing(object, types, options.choose)
        }
        crate::target::Extent::Whole => Vec::new(),
    };
    #[cfg(not(feature = "full"))]
    let unknown = Vec::new();
    let report = options.report.as_mut().map(|report| &mut **report as _);
    Ok(Relocated {
        fitted: fit(object, types, options.choose, report)?,
        from: source.from,
        unknown,
    })
}
