//! Global variables: where each lies, and how one is set before the object is loaded.

use super::{MapKind, Object, ObjectError};
use crate::btf::TypeId;

/// A global variable.
#[derive(Clone, Debug)]
pub struct Global<'a> {
    /// Its name.
    pub name: &'a str,
    /// Index of its data map in [`Object::maps`].
    pub map: usize,
    /// Bytes from the start of the map's value.
    pub offset: usize,
    /// Size in bytes.
    pub size: usize,
    /// Its type; `void` if the object has no BTF.
    pub ty: TypeId,
    /// May be missing: an extern that is declared weak.
    pub weak: bool,
}

/// A value that a global variable can be set to: its bytes in memory order.
pub trait GlobalValue {
    /// Calls `take` with the bytes.
    fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T;
}

macro_rules! global_values {
    ($($number:ty),*) => {
        $(impl GlobalValue for $number {
            fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
                take(&self.to_le_bytes())
            }
        })*
    };
}

global_values!(u8, u16, u32, u64, i8, i16, i32, i64);

impl GlobalValue for bool {
    fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        take(&[u8::from(*self)])
    }
}

impl GlobalValue for [u8] {
    fn with_bytes<T>(&self, take: impl FnOnce(&[u8]) -> T) -> T {
        take(self)
    }
}

impl Object<'_> {
    /// Sets a global variable before the object is loaded.
    ///
    /// # Errors
    /// There is no such variable, or it is of another size.
    pub fn set<V: GlobalValue + ?Sized>(
        mut self,
        name: &str,
        value: &V,
    ) -> Result<Self, ObjectError> {
        let set = value.with_bytes(|bytes| match self.global_mut(name) {
            Some(place) if place.len() == bytes.len() => {
                place.copy_from_slice(bytes);
                true
            }
            _ => false,
        });
        match set {
            true => Ok(self),
            false => Err(ObjectError::NoVariable {
                name: name.into(),
                size: value.with_bytes(<[u8]>::len),
            }),
        }
    }

    /// The global variable called `name`.
    pub fn global(&self, name: &str) -> Option<&Global<'_>> {
        self.globals.iter().find(|g| g.name == name)
    }

    /// The initial bytes of a global variable, to be read or changed before the object is loaded.
    /// `None` if there is no such variable, or its map has no contents of its own.
    pub fn global_mut(&mut self, name: &str) -> Option<&mut [u8]> {
        let global = self.globals.iter().find(|g| g.name == name)?;
        let map = self.maps.get_mut(global.map)?;
        let initial = match &mut map.kind {
            MapKind::Data { initial, .. } => initial,
            #[cfg(feature = "full")]
            _ if map.arena_data.is_some() => map.arena_data.as_mut()?,
            _ => return None,
        };
        let end = global.offset.checked_add(global.size)?;
        initial.to_mut().get_mut(global.offset..end)
    }
}
