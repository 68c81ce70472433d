//! Global variables while programs run: read and set, in the memory that they share or by bpf(2).

use rustix::fd::AsFd;
use rustix::io::Errno;
use thiserror::Error;

use super::{Loaded, LoadedMap, map::Memory};
use crate::object::{Global, GlobalValue};
use crate::sys::abi::BPF_ANY;
use crate::sys::bpf_map::Elements;
use crate::sys::mapping::{Access, Mapping};

/// A global variable that could not be read or set.
#[derive(Debug, Error)]
pub enum GlobalError {
    /// The object has no such variable.
    #[error("there is no global variable {0}")]
    NoVariable(String),
    /// Programs read it as a constant.
    #[error("the global variable {0} is read-only once it is loaded")]
    ReadOnly(String),
    /// As many bytes as it does not have.
    #[error("the global variable {name} has {size} bytes, not {given}")]
    Size {
        /// The variable.
        name: String,
        /// Its bytes.
        size: usize,
        /// Those that were given.
        given: usize,
    },
    /// The kernel refused.
    #[error("the global variable {name}: {errno}")]
    Kernel {
        /// The variable.
        name: String,
        /// The kernel's answer.
        errno: Errno,
    },
}

/// A global variable of a loaded object, which programs may read and write at the same time.
///
/// Where the kernel lets the variables of an object be mapped (from 5.5 on, and where one variable of the
/// section is not `static`), both sides share the memory: numbers of up to eight bytes are never seen half
/// written. Elsewhere the whole section is copied by bpf(2); to store then means to read the section, change
/// it and write it back, and what a program writes to its neighbours in between is lost.
#[derive(Debug)]
pub struct GlobalRef<'l> {
    global: &'l Global<'l>,
    map: &'l LoadedMap,
    mapping: Option<&'l Mapping>,
}

impl Loaded<'_> {
    /// The global variable called `name`; of several static ones of that name, the first.
    ///
    /// ```no_run
    /// # use btfly::{object::Object, target::Kernel};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bytes = std::fs::read("counter.bpf.o")?;
    /// let object = Object::parse(&bytes)?;
    /// let loaded = object.load(&Kernel::running())?;
    /// let enabled = loaded.global("enabled")?;
    /// enabled.store(&1u32)?;
    /// let counter = loaded.global("counter")?;
    /// let count = u64::from_ne_bytes(counter.array()?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`GlobalError::NoVariable`].
    pub fn global(&self, name: &str) -> Result<GlobalRef<'_>, GlobalError> {
        let none = || GlobalError::NoVariable(name.into());
        let global = self.globals.iter().find(|g| g.name == name);
        let global = global.ok_or_else(none)?;
        let map = self.maps.get(global.map).ok_or_else(none)?;
        Ok(GlobalRef {
            global,
            map,
            mapping: map.memory.mapping(&map.fd),
        })
    }
}

impl GlobalRef<'_> {
    /// Its bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.global.size
    }

    /// Whether it lies in memory that is shared with programs.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        self.mapping.is_some()
    }

    /// Copies its bytes into `out`, which has as many.
    ///
    /// # Errors
    /// [`GlobalError::Size`], and what the kernel says where the variable is not mapped.
    pub fn load(&self, out: &mut [u8]) -> Result<(), GlobalError> {
        self.check_size(out.len())?;
        if let Some(mapping) = self.mapping {
            return match mapping.read(self.global.offset, out) {
                true => Ok(()),
                false => Err(self.failed(Errno::FAULT)),
            };
        }
        let section = self.section()?;
        let own = self.range().and_then(|range| section.get(range));
        out.copy_from_slice(own.ok_or_else(|| self.failed(Errno::FAULT))?);
        Ok(())
    }

    /// Its bytes as an array.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn array<const N: usize>(&self) -> Result<[u8; N], GlobalError> {
        let mut out = [0; N];
        self.load(&mut out)?;
        Ok(out)
    }

    /// Gives it a value, for programs to see from now on.
    ///
    /// # Errors
    /// [`GlobalError::ReadOnly`] for a constant, [`GlobalError::Size`], and what the kernel says where the
    /// variable is not mapped.
    pub fn store<V: GlobalValue + ?Sized>(&self, value: &V) -> Result<(), GlobalError> {
        value.with_bytes(|bytes| self.store_bytes(bytes))
    }

    fn store_bytes(&self, bytes: &[u8]) -> Result<(), GlobalError> {
        self.check_size(bytes.len())?;
        if let Memory::Data {
            access: Access::Read,
            ..
        } = self.map.memory
        {
            return Err(GlobalError::ReadOnly(self.global.name.into()));
        }
        if let Some(mapping) = self.mapping {
            return match mapping.write(self.global.offset, bytes) {
                true => Ok(()),
                false => Err(self.failed(Errno::FAULT)),
            };
        }
        let mut section = self.section()?;
        let own = self.range().and_then(|range| section.get_mut(range));
        own.ok_or_else(|| self.failed(Errno::FAULT))?
            .copy_from_slice(bytes);
        let elements = self.elements()?;
        elements
            .update(&KEY, &section, BPF_ANY)
            .map_err(|errno| self.failed(errno))
    }

    /// The value of the whole section.
    fn section(&self) -> Result<Vec<u8>, GlobalError> {
        let elements = self.elements()?;
        let mut value = vec![0; elements.value_len()];
        match elements.lookup(&KEY, &mut value) {
            Ok(true) => Ok(value),
            Ok(false) => Err(self.failed(Errno::NOENT)),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    fn elements(&self) -> Result<Elements<'_>, GlobalError> {
        Elements::of(self.map.fd.as_fd()).map_err(|errno| self.failed(errno))
    }

    fn range(&self) -> Option<std::ops::Range<usize>> {
        let end = self.global.offset.checked_add(self.global.size)?;
        Some(self.global.offset..end)
    }

    fn check_size(&self, given: usize) -> Result<(), GlobalError> {
        match given == self.global.size {
            true => Ok(()),
            false => Err(GlobalError::Size {
                name: self.global.name.into(),
                size: self.global.size,
                given,
            }),
        }
    }

    fn failed(&self, errno: Errno) -> GlobalError {
        GlobalError::Kernel {
            name: self.global.name.into(),
            errno,
        }
    }
}

/// The one key of a data section's map.
const KEY: [u8; 4] = 0u32.to_ne_bytes();
