//! What is fetched: where a value is, and what it is.

use btfly::btf::TypeId;

/// Bytes of a text whose length is not known: what does not fit is cut off.
pub const TEXT: u32 = 128;
/// Bytes of a value that is shown as a whole.
pub const MOST: u32 = 256;

/// A value that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub start: Start,
    /// Pointers that are followed, each by its bytes from where the one before leads.
    pub steps: Vec<u32>,
    pub end: End,
    pub value: Value,
    /// Its type, of the event's own.
    pub ty: TypeId,
}

/// Where the way begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Pid,
    Tid,
    Comm,
    /// At the number that the context has at this byte.
    Context(u32),
    /// At this byte of the context itself.
    Record(u32),
    /// At the byte of the context that a `__data_loc` at this byte tells.
    Told(u32),
    /// The same, counted from behind that number: a `__rel_loc`.
    ToldBehind(u32),
}

/// Where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where it began: that is the value.
    Here,
    /// So many bytes on in memory.
    Memory(u32),
    /// In these bits of so many bytes there.
    Bits {
        at: u32,
        size: u32,
        first: u32,
        width: u32,
    },
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of 1, 2, 4 or 8 bytes.
    Number { size: u32, signed: bool },
    /// Characters up to a NUL, in so many bytes.
    Text(u32),
    /// Bytes of another meaning.
    Bytes(u32),
}

impl Value {
    /// A pointer, or what is not known.
    pub const WORD: Value = Value::Number {
        size: 8,
        signed: false,
    };

    pub const fn size(self) -> u32 {
        match self {
            Value::Number { size, .. } | Value::Text(size) | Value::Bytes(size) => size,
        }
    }

    /// In bytes. Texts are compared by eight at a time.
    pub fn alignment(self) -> u32 {
        match self {
            Value::Number { size, .. } => size,
            _ => 8,
        }
    }
}
