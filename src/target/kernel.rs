//! The kernel that an object is to be fitted to.

use super::source::{Source, Strings, VMLINUX};
use super::{TargetError, Wanted, WindowedBtf, more};
use crate::btf::{BtfError, StrOffset, TypeId, Types};
use crate::relocate::Target;
use crate::sys::Features;

/// Where to look for the kernel's types.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum BtfChoice {
    /// What the running kernel offers.
    #[default]
    Running,
    /// A file with raw BTF. With the feature `full` also an ELF file with a `.BTF` section, a
    /// `.btf.tar.xz` as BTFHub ships it, or a folder with such files, from which the one of the
    /// running kernel is taken.
    File(String),
}

/// The running kernel: what it can do, and where its types are.
pub struct Kernel {
    /// Its features, probed when first asked for.
    pub features: Features,
    /// Where its types are looked for.
    pub btf: BtfChoice,
}

/// Types to relocate against, and where they are from.
pub struct TypeSource {
    /// The types.
    pub types: Box<dyn Target>,
    /// What to call them in messages; `None`: the kernel has none, and `types` is empty.
    pub from: Option<String>,
    /// How much of the kernel's types they are.
    pub extent: Extent,
}

/// What it means that a type is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The kernel does not have it.
    Whole,
    /// Nothing: there is no BTF, and only a few types are known without.
    Parts,
}

impl Kernel {
    /// The running kernel. Nothing is read yet.
    pub fn running() -> Kernel {
        Kernel {
            features: Features::new(),
            btf: BtfChoice::Running,
        }
    }

    /// Whether there are types to relocate against at all: those of a kernel, and not the few of them
    /// that may be known without its BTF.
    pub fn has_types(&self) -> bool {
        match &self.btf {
            BtfChoice::Running => self.source().is_ok_and(|source| source.is_some()),
            BtfChoice::File(_) => true,
        }
    }

    /// Looks for the wanted names in this kernel's types, and (with the feature `full`) in those of
    /// its modules where it lacks some.
    ///
    /// # Errors
    /// BTF that can't be read. A kernel without BTF is no error: with the feature `full`, what was built
    /// in for it is known then, and what tracefs and the architecture say of tracepoints and registers;
    /// without it nothing.
    pub fn types(&self, wanted: &Wanted<'_>) -> Result<TypeSource, TargetError> {
        let Some((source, len, from, strings)) = self.source()? else {
            return Ok(more::without_btf(wanted));
        };
        let types = WindowedBtf::gather_as(source, len, wanted, strings);
        let types = types.map_err(|source| TargetError::Btf {
            path: from.clone(),
            source,
        })?;
        // Modules belong to the running kernel's own BTF, and to no other.
        let types = match from == VMLINUX {
            true => more::with_modules(types, wanted),
            false => Box::new(types),
        };
        Ok(TypeSource {
            types,
            from: Some(from),
            extent: Extent::Whole,
        })
    }

    /// The BTF of this kernel, its length in bytes, and where it is from.
    fn source(&self) -> Result<Option<(Source<'static>, u64, String, Strings)>, TargetError> {
        if let BtfChoice::File(path) = &self.btf {
            let (source, len, path) = more::named(path)?;
            return Ok(Some((source, len, path, Strings::Overlapping)));
        }
        if let Some((source, len)) = Source::running()? {
            return Ok(Some((source, len, VMLINUX.into(), Strings::Apart)));
        }
        let installed = more::installed();
        Ok(installed.map(|(source, len, path)| (source, len, path, Strings::Overlapping)))
    }
}

/// What has a number in the kernel is numbered by its own BTF, and by no other.
impl Kernel {
    /// Looks for the wanted names in what the running kernel shows of its own types, and in its modules.
    /// `None`: it was built without BTF.
    ///
    /// # Errors
    /// BTF that can't be read.
    pub fn own_types(wanted: &Wanted<'_>) -> Result<Option<TypeSource>, TargetError> {
        let kernel = Kernel::running();
        match Source::running()? {
            Some(_) => kernel.types(wanted).map(Some),
            None => Ok(None),
        }
    }
}

impl TypeSource {
    /// Whether the types are those that the running kernel shows, with its numbers.
    #[cfg(feature = "full")]
    pub fn is_running(&self) -> bool {
        self.from.as_deref() == Some(VMLINUX)
    }

    /// No types at all.
    pub fn none() -> TypeSource {
        TypeSource {
            types: Box::new(NoTypes),
            from: None,
            extent: Extent::Parts,
        }
    }
}

/// A kernel whose types are not known.
pub struct NoTypes;

impl Types for NoTypes {
    fn as_dyn(&self) -> &dyn Types {
        self
    }

    fn read(&self, id: TypeId, _: usize, _: &mut [u8]) -> Result<(), BtfError> {
        Err(BtfError::NoSuchType(id))
    }

    fn name(&self, _: StrOffset) -> Option<&str> {
        None
    }
}

impl Target for NoTypes {
    fn candidates(&self, _: &str) -> &[TypeId] {
        &[]
    }
}
