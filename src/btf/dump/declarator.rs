//! A declaration in C, from the inside out: `int (*name[4])(void)` begins at the name.

use super::c::{CHeader, Shape};
use super::conflicts::{Space, identifier};
use super::decimal;
use crate::btf::{BtfError, Header, Kind, MAX_CHAIN, StrOffset, TypeId};

/// What stands before a type: each once, however often it was said.
#[derive(Default)]
struct Qualifiers {
    constant: bool,
    volatile: bool,
    restrict: bool,
    tags: Vec<u8>,
}

/// How a declarator ends so far: what comes next around it depends on that.
#[derive(Clone, Copy, PartialEq)]
enum Outer {
    Name,
    Pointer,
}

impl CHeader<'_> {
    /// Appends the declaration of something of type `id` called `name`, which may be empty. Types that
    /// are defined inside it are indented as on `level`.
    pub(super) fn declaration(
        &mut self,
        id: TypeId,
        name: &[u8],
        level: usize,
    ) -> Result<(), BtfError> {
        if level > Shape::MAX_LEVEL {
            return Err(BtfError::Cycle(id));
        }
        let mut inner = name.to_vec();
        let mut outer = Outer::Name;
        let mut qualifiers = Qualifiers::default();
        let mut at = id;
        for _ in 0..MAX_CHAIN {
            self.tick(at)?;
            let header = self.types.header(at)?;
            match header.kind {
                Kind::Const => qualifiers.constant = true,
                Kind::Volatile => qualifiers.volatile = true,
                Kind::Restrict => qualifiers.restrict = true,
                Kind::TypeTag => self.type_tag(&header, &mut qualifiers)?,
                Kind::Ptr => {
                    inner = qualifiers.pointer(&inner);
                    qualifiers = Qualifiers::default();
                    outer = Outer::Pointer;
                }
                Kind::Array => {
                    let array = self.types.array(&header)?;
                    around(&mut inner, outer);
                    outer = Outer::Name;
                    inner.push(b'[');
                    decimal(array.len.into(), &mut inner);
                    inner.push(b']');
                    at = array.element;
                    continue;
                }
                Kind::FuncProto => {
                    around(&mut inner, outer);
                    outer = Outer::Name;
                    // GCC calls a function that does not return `volatile`.
                    qualifiers = Qualifiers::default();
                    self.parameters(&header, &mut inner, level)?;
                }
                Kind::Typedef if self.is_built_in(&header) => {}
                _ => {
                    return self.base(&header, &qualifiers, &inner, level);
                }
            }
            at = header.target();
        }
        Err(BtfError::Cycle(id))
    }

    /// The type that all the rest is around, and then the rest.
    fn base(
        &mut self,
        header: &Header,
        qualifiers: &Qualifiers,
        inner: &[u8],
        level: usize,
    ) -> Result<(), BtfError> {
        if qualifiers.constant {
            self.push("const ");
        }
        if qualifiers.volatile {
            self.push("volatile ");
        }
        let named = header.name != StrOffset(0);
        match header.kind {
            Kind::Void => self.push("void"),
            Kind::Int | Kind::Float => self.called(header, |of| of.builtin(header))?,
            Kind::Struct | Kind::Union if !named => self.composite(header, level)?,
            Kind::Enum | Kind::Enum64 if !named => self.enumeration(header, level)?,
            Kind::Struct | Kind::Union | Kind::Fwd | Kind::Enum | Kind::Enum64 => {
                self.tag(header)?;
            }
            Kind::Typedef => self.called(header, |of| {
                let name = of.name_of(header, Space::Plain)?;
                of.out.extend_from_slice(&name);
                Ok(())
            })?,
            _ => return Err(BtfError::NoSize(header.id)),
        }
        // Behind braces it would be said of the struct.
        if named || header.kind == Kind::Void {
            self.out.extend_from_slice(&qualifiers.tags);
        }
        if !inner.is_empty() {
            self.push(" ");
            self.out.extend_from_slice(inner);
        }
        Ok(())
    }

    fn type_tag(&mut self, header: &Header, to: &mut Qualifiers) -> Result<(), BtfError> {
        // With the flag it is any attribute, such as an address space that not every target has.
        if header.flag {
            if self.is_arena(header)? {
                to.tags
                    .extend_from_slice(b" __attribute__((address_space(1)))");
            }
            return Ok(());
        }
        let mut name = Vec::new();
        identifier(self.types, header.name, &mut name)?;
        to.tags
            .extend_from_slice(b" __attribute__((btf_type_tag(\"");
        to.tags.extend_from_slice(&name);
        to.tags.extend_from_slice(b"\")))");
        Ok(())
    }

    /// The parameters of a function, behind its name.
    fn parameters(
        &mut self,
        header: &Header,
        inner: &mut Vec<u8>,
        level: usize,
    ) -> Result<(), BtfError> {
        // They are written where all is, and taken from there.
        let from = self.out.len();
        self.push("(");
        let mut name = Vec::new();
        for index in 0..header.vlen {
            let param = self.types.param(header, index)?;
            if index > 0 {
                self.push(", ");
            }
            if param.ty == TypeId::VOID && index > 0 && index + 1 == header.vlen {
                self.push("...");
                break;
            }
            identifier(self.types, param.name, &mut name)?;
            // `void` alone has no name.
            match param.ty {
                TypeId::VOID => self.push("void"),
                ty => self.declaration(ty, &name, level + 1)?,
            }
        }
        if header.vlen == 0 {
            self.push("void");
        }
        self.push(")");
        inner.extend(self.out.drain(from..));
        Ok(())
    }
}

impl Qualifiers {
    /// A pointer that is so qualified around what is inside.
    fn pointer(&self, inner: &[u8]) -> Vec<u8> {
        let mut out = vec![b'*'];
        let words = [
            (self.constant, "const"),
            (self.volatile, "volatile"),
            (self.restrict, "restrict"),
        ];
        out.extend_from_slice(&self.tags);
        for (_, word) in words.into_iter().filter(|(said, _)| *said) {
            out.push(b' ');
            out.extend_from_slice(word.as_bytes());
        }
        if out.len() > 1 && !inner.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(inner);
        out
    }
}

/// What comes behind a pointer would be taken for the pointer's target.
fn around(inner: &mut Vec<u8>, outer: Outer) {
    if outer == Outer::Pointer {
        inner.insert(0, b'(');
        inner.push(b')');
    }
}
