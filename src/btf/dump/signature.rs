//! A function's signature as bpftool writes it above instructions: `int count(struct raw_args * ctx)`.

use crate::btf::{BtfError, Header, Kind, TypeId, Types};

/// Types inside one another beyond this are none of any program.
const MAX_DEPTH: u32 = 32;

/// Appends the signature of a function, the first word being its return type.
///
/// # Errors
/// Types that can't be read, or go in a circle.
pub fn signature(types: &dyn Types, func: TypeId, out: &mut String) -> Result<(), BtfError> {
    let header = types.header(func)?;
    match header.kind {
        Kind::Func => {
            let proto = types.header(header.target())?;
            function(
                types,
                &proto,
                types.name(header.name).unwrap_or_default(),
                out,
                0,
            )
        }
        _ => Err(BtfError::NoSize(func)),
    }
}

fn function(
    types: &dyn Types,
    proto: &Header,
    name: &str,
    out: &mut String,
    depth: u32,
) -> Result<(), BtfError> {
    if proto.kind != Kind::FuncProto {
        return Err(BtfError::NoSize(proto.id));
    }
    ty(types, proto.target(), out, depth)?;
    out.push_str(name);
    out.push('(');
    for index in 0..proto.vlen {
        let param = types.param(proto, index)?;
        out.push_str(if index > 0 { ", " } else { "" });
        if param.ty == TypeId::VOID {
            out.push_str("...");
            continue;
        }
        ty(types, param.ty, out, depth)?;
        match types.name(param.name).unwrap_or_default() {
            "" if out.ends_with(' ') => {
                out.pop();
            }
            name => out.push_str(name),
        }
    }
    out.push(')');
    Ok(())
}

/// A type, with a space behind it.
fn ty(types: &dyn Types, id: TypeId, out: &mut String, depth: u32) -> Result<(), BtfError> {
    let header = types.header(id)?;
    if depth > MAX_DEPTH || out.len() > 4096 {
        return Err(BtfError::Cycle(id));
    }
    let name = types.name(header.name).unwrap_or_default();
    let before = match header.kind {
        Kind::Void => "void",
        Kind::Struct => "struct ",
        Kind::Union => "union ",
        Kind::Enum | Kind::Enum64 => "enum ",
        Kind::Fwd if header.flag => "union ",
        Kind::Fwd => "struct ",
        Kind::Const => "const ",
        Kind::Volatile => "volatile ",
        Kind::Restrict => "restrict ",
        _ => "",
    };
    out.push_str(before);
    match header.kind {
        Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => {
            return ty(types, header.target(), out, depth + 1);
        }
        Kind::Ptr => {
            ty(types, header.target(), out, depth + 1)?;
            out.push_str("* ");
        }
        Kind::Array => {
            let array = types.array(&header)?;
            ty(types, array.element, out, depth + 1)?;
            out.push_str(&format!("[{}]", array.len));
        }
        Kind::FuncProto => function(types, &header, "", out, depth + 1)?,
        Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag => {
            return Err(BtfError::NoSize(id));
        }
        _ => {
            out.push_str(name);
            out.push(' ');
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::testing::Builder;
    use crate::btf::{Btf, Linkage};

    #[test]
    fn a_signature_has_its_types_in_the_order_of_btf() {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        let word = b.typedef("u64", int);
        let ctx = b.structure("ctx", 4, &[("a", int, 0)]);
        let to_ctx = b.ptr(ctx);
        let constant = b.constant(word);
        let to_constant = b.ptr(constant);
        let inner = b.func_proto(TypeId::VOID, &[("", int)]);
        let callback = b.ptr(inner);
        let params = [
            ("ctx", to_ctx),
            ("", to_constant),
            ("call", callback),
            ("", TypeId::VOID),
        ];
        let proto = b.func_proto(int, &params);
        let func = b.func("look", proto, Linkage::Global);
        let endless = b.next();
        b.ptr(endless);
        let proto = b.func_proto(endless, &[]);
        let odd = b.func("odd", proto, Linkage::Global);
        let bytes = b.bytes();
        let btf = Btf::parse(&bytes).unwrap();
        let mut text = String::new();
        signature(&btf, func, &mut text).unwrap();
        assert_eq!(
            text,
            "int look(struct ctx * ctx, const u64 *, void (int)* call, ...)"
        );
        for wrong in [odd, int, TypeId(99)] {
            assert!(signature(&btf, wrong, &mut String::new()).is_err());
        }
    }
}
