//! Types as text: line by line in bpftool's notation, or as a C header.
//!
//! A kernel has 130,000 types and more: what is written here is handed on as it comes, and of what was
//! read nothing stays but a byte for each type.

mod c;
mod composite;
mod conflicts;
mod declarator;
mod kfuncs;
mod layout;
mod raw;
mod reach;
mod signature;

pub use c::write_c;
pub use raw::write_raw;
pub use reach::{TypeSet, matching, named, reach};
pub use signature::signature;

use super::{Btf, BtfError, Header, StrOffset, TypeId, Types};

/// A BTF of which every record and every name can be had, in memory or behind a window.
pub trait Whole: Types {
    /// The first type that is its own: 1, or what follows the types that it builds on.
    fn first(&self) -> TypeId;

    /// The number behind that of the last type.
    fn end(&self) -> TypeId;

    /// Copies the whole of record `id` in the place of what is in `out`, and reads its header.
    ///
    /// # Errors
    /// A record that does not exist, is none, or could not be read.
    fn record(&self, id: TypeId, out: &mut Vec<u8>) -> Result<Header, BtfError>;

    /// Appends the name at `offset`, which may be any bytes but NUL.
    ///
    /// # Errors
    /// An offset outside the names, or names that could not be read.
    fn text(&self, offset: StrOffset, out: &mut Vec<u8>) -> Result<(), BtfError>;

    /// Every type that is its own, in order.
    fn own(&self) -> Box<dyn Iterator<Item = TypeId>> {
        Box::new((self.first().0..self.end().0).map(TypeId))
    }
}

impl Whole for Btf<'_> {
    fn first(&self) -> TypeId {
        TypeId(1)
    }

    fn end(&self) -> TypeId {
        TypeId(self.len() + 1)
    }

    fn record(&self, id: TypeId, out: &mut Vec<u8>) -> Result<Header, BtfError> {
        let at = self.record_at(id)?;
        let info = self.data().get(at + 4..).and_then(|b| b.first_chunk());
        let len = info.and_then(|info| super::record_len(u32::from_le_bytes(*info)));
        let bytes = len.and_then(|len| self.data().get(at..at.checked_add(len)?));
        out.clear();
        out.extend_from_slice(bytes.ok_or(BtfError::Truncated("a type record"))?);
        self.header(id)
    }

    fn text(&self, offset: StrOffset, out: &mut Vec<u8>) -> Result<(), BtfError> {
        let missing = BtfError::NoSuchName(offset.0);
        let rest = self.strings().get(offset.0 as usize..);
        let name = rest.and_then(|rest| rest.split(|&b| b == 0).next());
        out.extend_from_slice(name.ok_or(missing)?);
        Ok(())
    }
}

/// Appends a number in decimal digits.
fn decimal(number: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut rest = number;
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits.iter().skip(digits.len() - used));
}

/// The same with a sign.
fn signed(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    decimal(number.unsigned_abs(), out);
}
