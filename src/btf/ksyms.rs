//! What an object says of the kernel's symbols, made harmless before the kernel reads it.
//!
//! The kernel takes no DATASEC with functions in it, no variable without a size, and no function that
//! is extern or has a parameter without a name. It needs none of this: the instructions say by number
//! what they mean. Every record keeps its length, so that nothing else moves.

use super::load::put;
use super::{Btf, BtfError, Header, Kind, TypeId, Types};

const SECTION: &str = ".ksyms";

/// `BTF_FUNC_GLOBAL` of the kernel's `include/uapi/linux/btf.h`.
const GLOBAL: u32 = 1;

/// Changes `out`, a copy of the bytes of `btf`: each DATASEC of symbols becomes a union without names,
/// whose members take as many bytes; its variables become ints; extern functions become global.
///
/// # Errors
/// Records that can't be read.
pub(super) fn hide(btf: &Btf<'_>, out: &mut [u8]) -> Result<(), BtfError> {
    let int = first_int(btf)?;
    for id in btf.ids() {
        let header = btf.header(id)?;
        match header.kind {
            Kind::Func if header.vlen > GLOBAL => function(btf, &header, out)?,
            Kind::Datasec if int != TypeId::VOID && btf.str_at(header.name) == Some(SECTION) => {
                section(btf, &header, int, out)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// `void` if there is none.
fn first_int(btf: &Btf<'_>) -> Result<TypeId, BtfError> {
    for id in btf.ids() {
        if btf.header(id)?.kind == Kind::Int {
            return Ok(id);
        }
    }
    Ok(TypeId::VOID)
}

fn section(btf: &Btf<'_>, of: &Header, int: TypeId, out: &mut [u8]) -> Result<(), BtfError> {
    // No int is larger.
    const SIZE: u32 = 16;
    let at = btf.record_at(of.id)?;
    put(out, at, 0)?;
    put(out, at + 4, (Kind::Union as u32) << 24 | of.vlen)?;
    put(out, at + 8, SIZE)?;
    for index in 0..of.vlen {
        let symbol = btf.header(btf.secinfo(of, index)?.var)?;
        if symbol.kind == Kind::Var {
            put(out, btf.record_at(symbol.id)? + 8, int.0)?;
        }
        // Name, type, offset in bits.
        let member = at + Header::LEN + index as usize * 12;
        for (word, value) in (0..).zip([0, int.0, 0]) {
            put(out, member + word * 4, value)?;
        }
    }
    Ok(())
}

fn function(btf: &Btf<'_>, of: &Header, out: &mut [u8]) -> Result<(), BtfError> {
    put(
        out,
        btf.record_at(of.id)? + 4,
        (Kind::Func as u32) << 24 | GLOBAL,
    )?;
    let proto = btf.header(of.target())?;
    if proto.kind != Kind::FuncProto {
        return Ok(());
    }
    let first = btf.record_at(proto.id)? + Header::LEN;
    for index in 0..proto.vlen {
        let param = btf.param(&proto, index)?;
        // One without a type stands for any that follow, and has no name.
        if param.ty != TypeId::VOID && param.name.0 == 0 {
            put(out, first + index as usize * 8, of.name.0)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::Linkage;
    use crate::btf::testing::Builder;

    #[test]
    fn symbols_of_the_kernel_become_what_every_kernel_takes() {
        let mut b = Builder::new();
        let incomplete = b.fwd_struct("rq");
        let var = b.var("runqueues", incomplete, Linkage::Extern);
        let int = b.int("int", 4, true);
        let proto = b.func_proto(int, &[("", int), ("named", int)]);
        let func = b.func("bpf_some_function", proto, Linkage::Extern);
        let own = b.func("own", proto, Linkage::Static);
        let section = b.datasec(".ksyms", 0, &[(var, 0, 0), (func, 0, 0)]);
        let data = b.datasec(".data", 4, &[(var, 0, 4)]);
        let bytes = b.bytes();
        let btf = Btf::parse(&bytes).unwrap();
        let mut out = bytes.clone();
        hide(&btf, &mut out).unwrap();
        assert_eq!(out.len(), bytes.len());

        let changed = Btf::parse(&out).unwrap();
        let header = |id| changed.header(id).unwrap();
        assert_eq!(header(var).target(), int);
        assert_eq!(header(func).vlen, GLOBAL);
        assert_eq!(header(own).vlen, 0);
        assert_eq!(header(data).kind, Kind::Datasec);
        let union = header(section);
        assert_eq!((union.kind, union.vlen, union.name.0), (Kind::Union, 2, 0));
        for index in 0..2 {
            let member = changed.member(&union, index).unwrap();
            assert_eq!((member.ty, member.offset.0), (int, 0));
        }
        let names = [0, 1].map(|index| changed.param(&header(proto), index).unwrap().name);
        let names = names.map(|name| changed.str_at(name).unwrap());
        assert_eq!(names, ["bpf_some_function", "named"]);
    }

    #[test]
    fn a_section_without_an_int_to_put_in_is_left_alone() {
        let mut b = Builder::new();
        let incomplete = b.fwd_struct("rq");
        let var = b.var("runqueues", incomplete, Linkage::Extern);
        b.datasec(".ksyms", 0, &[(var, 0, 0)]);
        let bytes = b.bytes();
        let mut out = bytes.clone();
        hide(&Btf::parse(&bytes).unwrap(), &mut out).unwrap();
        assert_eq!(out, bytes);
    }
}
