//! The arguments of a function and what it returns, by the kernel's types.
//!
//! Registers: the procedure call standard of arm64. Each of the first eight takes an argument; a struct of up to
//! sixteen bytes takes one or two, a larger one is handed over by its address.

use btfly::btf::{BtfError, Encoder, Header, Kind, TypeId};
use btfly::relocate::Target;

use super::Refusal;
use super::fetch::{End, Fetch, MOST, Start, TEXT, Value};
use super::types;
use super::words::Path;

/// Registers that arguments are in.
pub const REGISTERS: u32 = 8;
/// Structs without a name inside one another.
const DEEPEST: u32 = 8;
/// Names that a refusal lists.
const LISTED: usize = 12;

/// Structs of which one field says most, and that field.
const SHOWN: [(&str, &str); 14] = [
    ("filename", "name"),
    ("dentry", "d_name.name"),
    ("qstr", "name"),
    ("path", "dentry.d_name.name"),
    ("file", "f_path.dentry.d_name.name"),
    ("inode", "i_ino"),
    ("super_block", "s_id"),
    ("task_struct", "comm"),
    ("net_device", "name"),
    ("sk_buff", "len"),
    ("module", "name"),
    ("linux_binprm", "filename"),
    ("work_struct", "func"),
    ("device_driver", "name"),
];

/// An argument, or what is returned.
#[derive(Clone, Debug)]
pub struct Argument {
    pub name: String,
    pub ty: TypeId,
    /// `None`: it is in no register.
    pub register: Option<u32>,
}

/// The arguments of a function.
pub fn arguments(types: &dyn Target, proto: &Header) -> Result<Vec<Argument>, BtfError> {
    let mut next = 0u32;
    let mut arguments = Vec::new();
    for index in 0..proto.vlen {
        let param = types.param(proto, index)?;
        if param.ty == TypeId::VOID {
            // Three dots: what follows is not known.
            break;
        }
        let size = types.size_of(param.ty)?;
        let composite = types.peel(param.ty)?.kind.is_composite();
        let count = match composite {
            true if size > 16 => 1,
            _ => size.div_ceil(8).max(1),
        };
        let register = (next + count <= REGISTERS).then_some(next);
        next = register.map_or(REGISTERS, |first| first + count);
        let name = types.text(param.name).filter(|name| !name.is_empty());
        arguments.push(Argument {
            name: name.unwrap_or_else(|| format!("arg{index}")),
            ty: param.ty,
            register,
        });
    }
    Ok(arguments)
}

/// On the way from an argument to a field.
struct Way<'t> {
    types: &'t dyn Target,
    ty: TypeId,
    start: Start,
    steps: Vec<u32>,
    /// Bytes from where the last step led; `None` while it is in the register.
    at: Option<u32>,
    /// First and count, from that byte on.
    bits: Option<(u32, u32)>,
}

/// How the field that a path names is fetched, from argument `from` on.
pub fn fetch(
    types: &dyn Target,
    from: &Argument,
    path: &Path<'_>,
    out: &mut Encoder,
) -> Result<Fetch, Refusal> {
    let Some(register) = from.register else {
        let what = format!("{} is not in a register", from.name);
        return Err(Refusal::new(
            what,
            "only what is in the first eight can be read",
        ));
    };
    let mut way = Way {
        types,
        ty: from.ty,
        start: Start::Context(register * 8),
        steps: Vec::new(),
        at: None,
        bits: None,
    };
    // A large struct is handed over by its address.
    let composite = types.peel(from.ty).is_ok_and(|of| of.kind.is_composite());
    if composite && types.size_of(from.ty).is_ok_and(|size| size > 16) {
        way.at = Some(0);
    }
    for (index, name) in path.0.iter().enumerate().skip(1) {
        let before = path.0.get(..index).unwrap_or_default().join(".");
        way.go(&before, name)?;
    }
    way.end(out, 0).map_err(|_| refused(&path.text()))
}

fn refused(what: &str) -> Refusal {
    Refusal::new(
        format!("{what} can't be shown"),
        "numbers, pointers, text, and structs of up to 256 bytes can",
    )
}

impl<'t> Way<'t> {
    /// Goes on to a field of what `before` names.
    fn go(&mut self, before: &str, name: &str) -> Result<(), Refusal> {
        let refuse = |what: &str, hint: String| Refusal::new(format!("{before} {what}"), hint);
        let bad = |error: BtfError| refuse("can't be read", error.to_string());
        let mut of = self.types.peel(self.ty).map_err(bad)?;
        let no_struct = || refuse("is no struct", format!("it has no field {name}"));
        if self.bits.is_some() {
            return Err(no_struct());
        }
        if of.kind == Kind::Ptr {
            self.steps.extend(self.at);
            self.at = Some(0);
            of = self.types.peel(of.target()).map_err(bad)?;
        }
        match (of.kind.is_composite(), self.at) {
            (true, Some(at)) => match member(self.types, &of, name, 0).map_err(bad)? {
                Some((ty, bit, width)) => {
                    let bytes = bit / 8;
                    self.ty = ty;
                    self.at = at.checked_add(bytes);
                    self.bits = (width != 0).then_some((bit % 8, width));
                    Ok(())
                }
                None => {
                    let what = format!("has no field {name}");
                    Err(refuse(&what, self.listed(&of, name)))
                }
            },
            (true, None) => Err(refuse(
                "is handed over in registers",
                "its fields can't be told apart".into(),
            )),
            (false, _) => Err(no_struct()),
        }
    }

    /// Fields of a struct: those that begin as the one that it has not, else the first.
    fn listed(&self, of: &Header, name: &str) -> String {
        let mut names = Vec::new();
        names_in(self.types, of, 0, &mut names);
        let begins = name.get(..3).unwrap_or(name);
        let near: Vec<&String> = names.iter().filter(|n| n.starts_with(begins)).collect();
        let more = near.is_empty() && names.len() > LISTED || near.len() > LISTED;
        let shown = match near.is_empty() {
            true => names.iter().take(LISTED).collect(),
            false => near,
        };
        let shown: Vec<&str> = shown.into_iter().take(LISTED).map(|n| &**n).collect();
        let end = if more { ", …" } else { "" };
        ["it has ", &shown.join(", "), end].concat()
    }

    fn fetch(self, end: End, value: Value, ty: TypeId) -> Fetch {
        Fetch {
            start: self.start,
            steps: self.steps,
            end,
            value,
            ty,
        }
    }

    /// The value at the end of the way.
    fn end(mut self, out: &mut Encoder, depth: u32) -> Result<Fetch, BtfError> {
        let types = self.types;
        let of = types.peel(self.ty)?;
        let no_size = BtfError::NoSize(self.ty);
        let here = self.at.map_or(End::Here, End::Memory);
        match of.kind {
            Kind::Int | Kind::Enum | Kind::Enum64 => {
                let size = of.size();
                let signed = match of.kind {
                    Kind::Int => types.int(&of)?.signed,
                    _ => of.flag,
                };
                if let (Some((first, width)), Some(at)) = (self.bits, self.at) {
                    let size = (first + width).div_ceil(8);
                    if size > 8 || width == 0 {
                        return Err(no_size);
                    }
                    let end = End::Bits {
                        at,
                        size,
                        first,
                        width,
                    };
                    let ty = types::number(out, 8, signed);
                    return Ok(self.fetch(end, Value::Number { size: 8, signed }, ty));
                }
                if !matches!(size, 1 | 2 | 4 | 8) {
                    return Err(no_size);
                }
                let ty = types::copied(out, types, self.ty, 0)?;
                Ok(self.fetch(here, Value::Number { size, signed }, ty))
            }
            Kind::Ptr => {
                let to = types.peel(of.target())?;
                if is_char(types, &to) || is_name(types, of.target())? {
                    self.steps.extend(self.at);
                    let ty = types::text(out, TEXT);
                    return Ok(self.fetch(End::Memory(0), Value::Text(TEXT), ty));
                }
                if let Some(way) = self.shown(&to, depth) {
                    return way.end(out, depth + 1);
                }
                let value = Value::WORD;
                Ok(self.fetch(here, value, types::pointer(out)))
            }
            Kind::Array if is_char(types, &types.peel(types.array(&of)?.element)?) => {
                let size = match types.array(&of)?.len {
                    0 => TEXT,
                    len => len.min(MOST),
                };
                let ty = types::text(out, size);
                Ok(self.fetch(here, Value::Text(size), ty))
            }
            kind => {
                if kind.is_composite()
                    && let Some(way) = self.shown(&of, depth)
                {
                    return way.end(out, depth + 1);
                }
                let size = types.size_of(of.id)?;
                match self.at {
                    // One register of it.
                    None => {
                        let value = Value::WORD;
                        Ok(self.fetch(here, value, types::pointer(out)))
                    }
                    Some(_) if (1..=MOST).contains(&size) => {
                        let ty = types::bytes(out, size);
                        Ok(self.fetch(here, Value::Bytes(size), ty))
                    }
                    Some(_) => Err(no_size),
                }
            }
        }
    }

    /// The way on to the field that says most of a struct.
    fn shown(&self, of: &Header, depth: u32) -> Option<Way<'t>> {
        let name = self.types.text(of.name)?;
        let (_, field) = SHOWN.iter().find(|(known, _)| *known == name)?;
        let mut way = Way {
            steps: self.steps.clone(),
            ..*self
        };
        for name in field.split('.') {
            way.go("", name).ok()?;
        }
        (depth < DEEPEST).then_some(way)
    }
}

/// Whether these are characters although they say `unsigned`, as those of a `struct qstr` do: bytes that are none
/// are mostly called `u8`.
fn is_name(types: &dyn Target, id: TypeId) -> Result<bool, BtfError> {
    let mut of = types.header(id)?;
    if of.kind == Kind::Const {
        of = types.header(of.target())?;
    }
    let name = types.text(of.name);
    Ok(of.kind == Kind::Int && name.as_deref() == Some("unsigned char"))
}

fn is_char(types: &dyn Target, of: &Header) -> bool {
    of.kind == Kind::Int && of.size() == 1 && types.text(of.name).as_deref() == Some("char")
}

/// The member of this name: its type, its first bit, and its bits if it is a bitfield.
fn member(
    types: &dyn Target,
    of: &Header,
    name: &str,
    depth: u32,
) -> Result<Option<(TypeId, u32, u32)>, BtfError> {
    for index in 0..of.vlen {
        let member = types.member(of, index)?;
        if member.name.0 != 0 {
            if types.text(member.name).as_deref() == Some(name) {
                return Ok(Some((member.ty, member.offset.0, member.bitfield_size)));
            }
            continue;
        }
        let inner = types.peel(member.ty)?;
        if inner.kind.is_composite()
            && depth < DEEPEST
            && let Some((ty, bit, width)) = self::member(types, &inner, name, depth + 1)?
        {
            return Ok(Some((ty, bit.saturating_add(member.offset.0), width)));
        }
    }
    Ok(None)
}

/// The names of all members, as far as they can be read.
fn names_in(types: &dyn Target, of: &Header, depth: u32, names: &mut Vec<String>) {
    for member in (0..of.vlen).filter_map(|index| types.member(of, index).ok()) {
        match types.text(member.name).filter(|name| !name.is_empty()) {
            Some(name) => names.push(name),
            None => {
                let inner = types.peel(member.ty).ok();
                let inner = inner.filter(|inner| inner.kind.is_composite() && depth < DEEPEST);
                if let Some(inner) = inner {
                    names_in(types, &inner, depth + 1, names);
                }
            }
        }
    }
}
