//! The numbers of BTF, each a type of its own so that one can't be handed in for another.

use core::fmt;

/// The number of a type record; 0 is `void`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct TypeId(pub u32);

impl TypeId {
    /// `void`, which has no record.
    pub const VOID: TypeId = TypeId(0);

    /// The number that its own BTF knows it by. The kernel allows twenty bits (`BTF_MAX_TYPE`), so
    /// where types of several BTFs are held together, the upper eight say of which one it is.
    pub fn number(self) -> u32 {
        self.0 & 0x00ff_ffff
    }

    /// Which of several BTFs held together it is of; 0 for the first.
    #[cfg(feature = "full")]
    pub fn holder(self) -> u32 {
        self.0 >> 24
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.number())
    }
}

/// The byte at which a name starts in the string section; 0 is the empty name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct StrOffset(pub u32);

/// A distance in bits from the start of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct BitOffset(pub u32);

impl BitOffset {
    /// The whole bytes before this bit.
    pub fn bytes(self) -> u32 {
        self.0 / 8
    }
}
