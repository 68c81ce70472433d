//! The object's code, fitted to the kernel's types: here, or by the kernel itself.

#[cfg(feature = "full")]
use super::named::{Asked, Named};
use super::{LoadError, Options, Relocate};
use crate::object::Object;
use crate::relocate::{Fitted, fit, names_wanted};
use crate::sys::Feature;
use crate::target::{BtfChoice, Kernel, TypeSource};

/// The instructions of each section, fitted to the kernel.
pub(super) struct Relocated {
    pub fitted: Fitted,
    /// Where the types are from; `None`: the kernel has none.
    pub from: Option<String>,
    /// Essential names of types that are not known here, though the kernel may have them: it has
    /// no BTF. Where there is nothing but BTF (without the feature `full`), `from` tells.
    pub unknown: Vec<String>,
    /// Whether the instructions are as they were compiled, and the kernel relocates them.
    pub by_kernel: bool,
    /// What the object names in the running kernel.
    #[cfg(feature = "full")]
    pub named: Named,
}

/// Up to how many root types the kernel is quicker: it goes through all of its types for each that
/// it was not asked for of late, in 1.7 to 2.7 ms by the clock of scripts/qemu-arm64/bench, and copies
/// none. Here all are found at once, in 6.6 to 10.3 ms.
const FEW_ROOTS: usize = 3;

/// Decides who relocates, and has it done where it is done here.
pub(super) fn choose(
    object: &Object<'_>,
    kernel: &Kernel,
    options: &mut Options<'_>,
) -> Result<Relocated, Box<LoadError>> {
    let by_kernel = match options.relocate {
        Relocate::Own => false,
        Relocate::Kernel => true,
        // The report comes from here, and the answers with it.
        Relocate::Auto if options.report.is_some() => false,
        Relocate::Auto => {
            let roots = names_wanted(object, options.choose)?.root_count();
            // Where a pass is made all the same, it may as well relocate.
            #[cfg(feature = "full")]
            let roots = match Asked::of(object, options)?.is_empty() {
                true => roots,
                false => usize::MAX,
            };
            // Types that user space can't see are taken for types that the kernel does not have.
            kernel.btf == BtfChoice::Running
                && kernel.has_types()
                && (1..=FEW_ROOTS).contains(&roots)
                && kernel.features.has(Feature::CoreRelocations)
                // For tests: what is made up for moves instructions.
                && !kernel.features.is_hidden(Feature::GlobalData)
        }
    };
    if !by_kernel {
        return apply(object, kernel, options);
    }
    if options.report.is_some() {
        apply(object, kernel, options)?;
    }
    let fitted = Fitted::compiled(object);
    #[cfg(feature = "full")]
    let named = Asked::of(object, options)?.find(object, options, &TypeSource::none())?;
    #[cfg(feature = "full")]
    let fitted = Fitted {
        externs: named.externs.clone(),
        ..fitted
    };
    Ok(Relocated {
        #[cfg(feature = "full")]
        named,
        fitted,
        from: Some("the kernel".into()),
        unknown: Vec::new(),
        by_kernel,
    })
}

pub(super) fn apply(
    object: &Object<'_>,
    kernel: &Kernel,
    options: &mut Options<'_>,
) -> Result<Relocated, Box<LoadError>> {
    #[cfg(feature = "full")]
    let asked = Asked::of(object, options)?;
    #[cfg_attr(not(feature = "full"), expect(unused_mut))]
    let mut wanted = names_wanted(object, options.choose)?;
    #[cfg(feature = "full")]
    if kernel.btf == BtfChoice::Running {
        asked.want(&mut wanted);
    }
    let source = match wanted.is_empty() {
        true => TypeSource::none(),
        false => kernel.types(&wanted)?,
    };
    let types = &*source.types;
    #[cfg(feature = "full")]
    let named = asked.find(object, options, &source)?;
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
    let fitted = fit(object, types, options.choose, report)?;
    #[cfg(feature = "full")]
    let fitted = Fitted {
        externs: named.externs.clone(),
        ..fitted
    };
    Ok(Relocated {
        #[cfg(feature = "full")]
        named,
        fitted,
        from: source.from,
        unknown,
        by_kernel: false,
    })
}
