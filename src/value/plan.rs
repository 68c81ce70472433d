//! A BTF type walked once and laid flat: which bytes are which field, and how each is shown.

use core::ops::Range;

use super::ValueError;
use super::escape::is_unsafe;
use crate::btf::{Header, Kind, StrOffset, TypeId, Types};

/// Structs, unions and arrays inside one another beyond this are shown as hexadecimal bytes.
const MAX_DEPTH: u32 = 16;
/// Members of the whole plan: more than any struct of the kernel has, all its parts counted.
const MAX_MEMBERS: usize = 1 << 16;

/// How to show and read values of one type. Owns all it needs: the BTF may go.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) root: Node,
    /// Nodes that arrays refer to.
    pub(super) elements: Vec<Node>,
    pub(super) members: Vec<Member>,
    /// By enum, sorted by value; the first name of a value comes first.
    pub(super) enumerators: Vec<Enumerator>,
    pub(super) columns: Vec<Column>,
    /// Of each column.
    pub(super) labels: Vec<Label>,
    names: String,
}

/// A type and the bytes that it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub shape: Shape,
    /// In bytes; of a flexible array 0.
    pub size: u32,
}

/// How the bytes of a node are meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// A number of 1, 2, 4 or 8 bytes.
    Scalar(Scalar),
    /// Some bits: `width` (1 to 64) of them from bit `first` (0 to 7) of the first byte.
    Bits {
        first: u8,
        width: u8,
        scalar: Scalar,
    },
    /// 128 bits.
    Wide { signed: bool },
    /// IEEE 754, of 4 or 8 bytes.
    Float,
    /// Characters up to a NUL.
    Text,
    /// As many characters as a number of some bytes says, so far from their start: a NUL may be among them.
    Counted { from: i64, bytes: u8 },
    /// Characters up to a NUL or the end of the record.
    RestText,
    /// Bytes that may be text.
    Bytes,
    /// Bytes that may be text, to the end of the record.
    RestBytes,
    /// `len` elements of `elements[element]`.
    Array { element: u32, len: u32 },
    /// Elements to the end of the record.
    RestArray { element: u32 },
    /// `members[first..first + len]`.
    Composite { first: u32, len: u32 },
    /// Shown byte by byte: nested too deeply, or of a size that no number has.
    Hex,
    /// An IPv6 address; of `either` kind where one of IPv4 may be written in it, and is shown as that.
    Address { either: bool },
    /// A type without a size, or bits outside it.
    Opaque,
}

/// How a number of at most 64 bits is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar {
    Unsigned,
    Signed,
    /// A lone `char`: shown as the character where it is a visible one.
    Char,
    Bool,
    Pointer,
    /// `enumerators[first..first + len]`.
    Enum {
        first: u32,
        len: u32,
        style: EnumStyle,
    },
    /// Known by its typedef or its name.
    Meant(super::meaning::Meaning),
}

/// What the enumerators of an enum are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EnumStyle {
    Unsigned,
    Signed,
    /// Single bits that are combined: `A|B`.
    Flags,
}

/// A field of a struct or union.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub name: Name,
    /// Bytes from the start of the struct.
    pub at: u32,
    pub node: Node,
}

/// A name and value of an enum, sign-extended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Enumerator {
    pub value: u64,
    pub name: Name,
}

/// A top-level field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub name: Name,
    pub at: u32,
    pub node: Node,
    /// Characters.
    pub width: u16,
}

/// Bytes that every line has, as what stands before a field in JSON: its name in quotes between a comma and a colon.
#[derive(Clone, Debug)]
pub(super) struct Label {
    pub whole: Box<[u8]>,
    /// The same where it fits: bytes of a number that is known are copied without a call.
    #[cfg(feature = "full")]
    pub short: [u8; Label::SHORT],
    /// How many of those there are; 0 where it does not fit.
    #[cfg(feature = "full")]
    pub len: usize,
}

impl Label {
    #[cfg(feature = "full")]
    pub const SHORT: usize = 32;

    #[cfg(not(feature = "full"))]
    pub fn new(whole: Vec<u8>) -> Label {
        Label {
            whole: whole.into(),
        }
    }

    #[cfg(feature = "full")]
    pub fn new(whole: Vec<u8>) -> Label {
        let mut short = [0; Label::SHORT];
        let place = short.get_mut(..whole.len());
        let fits = place.map(|place| place.copy_from_slice(&whole)).is_some();
        Label {
            len: if fits { whole.len() } else { 0 },
            short,
            whole: whole.into(),
        }
    }
}

/// Where a name lies in the plan's names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    start: u32,
    len: u32,
}

impl Plan {
    /// Lays out a type: any type that has a size, a variable (`VAR`) of one, or a section
    /// (`DATASEC`), whose variables are then the fields.
    ///
    /// # Errors
    /// BTF that can't be read, a type without a size, or more than 65536 members.
    pub fn new(types: &dyn Types, id: TypeId) -> Result<Plan, ValueError> {
        let mut id = id;
        let mut name = String::new();
        if types.peel(id)?.kind == Kind::Var {
            let var = types.peel(id)?;
            types
                .name(var.name)
                .unwrap_or_default()
                .clone_into(&mut name);
            id = var.target();
        }
        Plan::named(types, id, &name)
    }

    /// The same for a value that has a name where it stands, which may tell what it means.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn named(types: &dyn Types, id: TypeId, name: &str) -> Result<Plan, ValueError> {
        types.size_of(id)?;
        let mut planner = Planner {
            types,
            members: Vec::new(),
            elements: Vec::new(),
            enumerators: Vec::new(),
            names: String::new(),
            visited: 0,
        };
        let root = planner.node(id, 0, Tail::Last)?;
        let root = planner.meant(id, name, root);
        let value = planner.keep_name("value")?;
        let mut plan = Plan {
            root,
            elements: planner.elements,
            members: planner.members,
            enumerators: planner.enumerators,
            columns: Vec::new(),
            labels: Vec::new(),
            names: planner.names,
        };
        plan.lay_out_columns(value);
        Ok(plan)
    }

    pub(super) fn label_columns(&mut self) {
        let label = |column: &Column| {
            let name = self.name(column.name);
            let tail = match super::ENVELOPE.contains(&name) {
                true => "_",
                false => "",
            };
            Label::new([",\"", name, tail, "\":"].concat().into())
        };
        self.labels = self.columns.iter().map(label).collect();
    }

    /// The size of the type in bytes; of a struct with a flexible array, without the array.
    pub fn size(&self) -> usize {
        self.root.size as usize
    }

    pub(super) fn name(&self, name: Name) -> &str {
        let start = name.start as usize;
        self.names
            .get(start..start + name.len as usize)
            .unwrap_or_default()
    }

    pub(super) fn members(&self, first: u32, len: u32) -> &[Member] {
        self.members.get(range(first, len)).unwrap_or_default()
    }

    pub(super) fn enumerators(&self, first: u32, len: u32) -> &[Enumerator] {
        self.enumerators.get(range(first, len)).unwrap_or_default()
    }

    pub(super) fn element(&self, index: u32) -> Node {
        let opaque = Node {
            shape: Shape::Opaque,
            size: 0,
        };
        *self.elements.get(index as usize).unwrap_or(&opaque)
    }
}

fn range(first: u32, len: u32) -> Range<usize> {
    first as usize..first as usize + len as usize
}

/// Whether a node ends the record: only there can an array without a length take what is left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tail {
    Last,
    Inside,
}

pub(super) struct Planner<'t> {
    pub(super) types: &'t dyn Types,
    members: Vec<Member>,
    pub(super) elements: Vec<Node>,
    enumerators: Vec<Enumerator>,
    names: String,
    /// Members looked at, shown or not: bounds the work on types that hold themselves.
    visited: usize,
}

impl Planner<'_> {
    fn node(&mut self, id: TypeId, depth: u32, tail: Tail) -> Result<Node, ValueError> {
        let header = self.types.peel(id)?;
        let Ok(size) = self.types.size_of(header.id) else {
            return Ok(Node {
                shape: Shape::Opaque,
                size: 0,
            });
        };
        let deep = depth >= MAX_DEPTH;
        let shape = match header.kind {
            Kind::Int => self.int(&header)?,
            Kind::Ptr => Shape::Scalar(Scalar::Pointer),
            Kind::Float if matches!(size, 4 | 8) => Shape::Float,
            Kind::Enum | Kind::Enum64 if matches!(size, 1 | 2 | 4 | 8) => {
                Shape::Scalar(self.enumeration(&header)?)
            }
            Kind::Array if !deep => self.array(&header, depth, tail)?,
            Kind::Struct | Kind::Union if !deep => {
                let mut members = Vec::new();
                let place = Place { at: 0, depth, tail };
                self.collect(&header, &place, &mut members)?;
                self.composite(members)?
            }
            Kind::Datasec if depth == 0 => {
                let members = self.variables(&header)?;
                self.composite(members)?
            }
            _ => Shape::Hex,
        };
        Ok(Node { shape, size })
    }

    /// The members of a struct or union, those of anonymous ones inside it in their place.
    fn collect(
        &mut self,
        of: &Header,
        place: &Place,
        out: &mut Vec<Member>,
    ) -> Result<(), ValueError> {
        for index in 0..of.vlen {
            self.visit()?;
            let member = self.types.member(of, index)?;
            let at = place.at.saturating_add(member.offset.bytes());
            let ends_struct = of.kind == Kind::Struct && index + 1 == of.vlen;
            let tail = match ends_struct {
                true => place.tail,
                false => Tail::Inside,
            };
            let inner = self.types.peel(member.ty)?;
            if member.name == StrOffset(0) && inner.kind.is_composite() {
                let depth = place.depth + 1;
                if depth < MAX_DEPTH {
                    self.collect(&inner, &Place { at, depth, tail }, out)?;
                }
                continue;
            }
            // The kernel shows it as zero and keeps it as it is.
            if inner.kind == Kind::Struct && self.types.name(inner.name) == Some("bpf_spin_lock") {
                continue;
            }
            let mut node = self.node(member.ty, place.depth + 1, tail)?;
            node.shape = bits(
                &inner,
                member.offset.0,
                member.bitfield_size,
                self.types,
                node,
            );
            let name = self.types.name(member.name).unwrap_or_default().to_owned();
            // Padding: an unnamed bitfield.
            if name.is_empty() {
                continue;
            }
            let node = self.meant(member.ty, &name, node);
            let name = self.keep_name(&name)?;
            out.push(Member { name, at, node });
        }
        Ok(())
    }

    fn composite(&mut self, members: Vec<Member>) -> Result<Shape, ValueError> {
        let members = self.counted(members);
        let first = self.members.len() as u32;
        let len = members.len() as u32;
        self.members.extend(members);
        self.check_size()?;
        Ok(Shape::Composite { first, len })
    }

    /// The variables of a section, as its map has them in its one value.
    fn variables(&mut self, of: &Header) -> Result<Vec<Member>, ValueError> {
        let mut members = Vec::new();
        for index in 0..of.vlen {
            self.visit()?;
            let info = self.types.secinfo(of, index)?;
            let var = self.types.header(info.var)?;
            if var.kind != Kind::Var {
                continue;
            }
            let node = self.node(var.target(), 1, Tail::Inside)?;
            let name = self.types.name(var.name).unwrap_or_default().to_owned();
            let node = self.meant(var.target(), &name, node);
            let name = self.keep_name(&name)?;
            let at = info.offset;
            members.push(Member { name, at, node });
        }
        Ok(members)
    }

    fn int(&mut self, header: &Header) -> Result<Shape, ValueError> {
        let encoding = self.types.int(header)?;
        let scalar = match self.types.name(header.name) {
            _ if encoding.bool => Scalar::Bool,
            _ if encoding.char => Scalar::Char,
            Some("char") if header.size() == 1 => Scalar::Char,
            _ if encoding.signed => Scalar::Signed,
            _ => Scalar::Unsigned,
        };
        Ok(match header.size() {
            1 | 2 | 4 | 8 => Shape::Scalar(scalar),
            16 => Shape::Wide {
                signed: encoding.signed,
            },
            _ => Shape::Hex,
        })
    }

    fn array(&mut self, header: &Header, depth: u32, tail: Tail) -> Result<Shape, ValueError> {
        let array = self.types.array(header)?;
        let rest = array.len == 0 && tail == Tail::Last;
        let inner = self.types.peel(array.element)?;
        if inner.kind == Kind::Int && inner.size() == 1 {
            let text = matches!(self.int(&inner)?, Shape::Scalar(Scalar::Char));
            let number = self.types.int(&inner)?;
            match (text, rest) {
                (true, false) => return Ok(Shape::Text),
                (true, true) => return Ok(Shape::RestText),
                (false, false) if !number.signed && !number.bool => return Ok(Shape::Bytes),
                (false, true) if !number.signed && !number.bool => return Ok(Shape::RestBytes),
                _ => {}
            }
        }
        let node = self.node(array.element, depth + 1, Tail::Inside)?;
        let element = self.elements.len() as u32;
        self.elements.push(node);
        self.check_size()?;
        Ok(match rest {
            true => Shape::RestArray { element },
            false => Shape::Array {
                element,
                len: array.len,
            },
        })
    }

    fn enumeration(&mut self, header: &Header) -> Result<Scalar, ValueError> {
        let mut found = Vec::new();
        for index in 0..header.vlen {
            let enumerator = self.types.enumerator(header, index)?;
            let name = self.types.name(enumerator.name).unwrap_or_default();
            let name = name.to_owned();
            found.push(Enumerator {
                value: enumerator.value,
                name: self.keep_name(&name)?,
            });
        }
        found.sort_by_key(|e| e.value);
        let style = match header.flag {
            true => EnumStyle::Signed,
            false if are_flags(&found) => EnumStyle::Flags,
            false => EnumStyle::Unsigned,
        };
        let first = self.enumerators.len() as u32;
        let len = found.len() as u32;
        self.enumerators.extend(found);
        self.check_size()?;
        Ok(Scalar::Enum { first, len, style })
    }

    /// Names come from strangers too: what could act on a terminal or break JSON is replaced.
    fn keep_name(&mut self, name: &str) -> Result<Name, ValueError> {
        let start = self.names.len();
        for c in name.chars() {
            self.names.push(match c {
                '"' | '\\' | ' ' => '?',
                c if is_unsafe(c) => '?',
                c => c,
            });
        }
        // Names are shared by offset in BTF, not here: a megabyte of them is an attack.
        if self.names.len() > MAX_MEMBERS * 16 {
            return Err(ValueError::TooLarge { limit: MAX_MEMBERS });
        }
        Ok(Name {
            start: start as u32,
            len: (self.names.len() - start) as u32,
        })
    }

    pub(super) fn kept_name(&self, name: Name) -> &str {
        let start = name.start as usize;
        let end = start + name.len as usize;
        self.names.get(start..end).unwrap_or_default()
    }

    fn visit(&mut self) -> Result<(), ValueError> {
        self.visited += 1;
        match self.visited > MAX_MEMBERS {
            true => Err(ValueError::TooLarge { limit: MAX_MEMBERS }),
            false => Ok(()),
        }
    }

    fn check_size(&self) -> Result<(), ValueError> {
        match self.members.len() + self.elements.len() + self.enumerators.len() {
            0..=MAX_MEMBERS => Ok(()),
            _ => Err(ValueError::TooLarge { limit: MAX_MEMBERS }),
        }
    }
}

/// Where members are being collected.
struct Place {
    /// Bytes from the start of the named struct.
    at: u32,
    depth: u32,
    tail: Tail,
}

/// The shape of a member, narrowed to bits where it is a bitfield: marked by the member today, by
/// the int's own encoding in what old compilers (pahole before 1.14) wrote.
fn bits(inner: &Header, bit_at: u32, bitfield: u32, types: &dyn Types, node: Node) -> Shape {
    let first = bit_at % 8;
    let (first, width) = match types.int(inner) {
        _ if bitfield != 0 => (first, bitfield),
        Ok(e) if e.bits != node.size.saturating_mul(8) => (first + e.bit_offset, e.bits),
        _ if first == 0 => return node.shape,
        _ => return Shape::Opaque,
    };
    match node.shape {
        Shape::Scalar(scalar) if (1..=64).contains(&width) && first < 8 => Shape::Bits {
            first: first as u8,
            width: width as u8,
            scalar: match scalar {
                Scalar::Char => Scalar::Signed,
                other => other,
            },
        },
        _ => Shape::Opaque,
    }
}

/// Whether the values (sorted) are bits to be combined: at least three single bits that all other
/// values are made of, and not simply a count from 1 up.
fn are_flags(sorted: &[Enumerator]) -> bool {
    let singles = sorted.iter().filter(|e| e.value.is_power_of_two());
    let (mut all, mut count) = (0u64, 0);
    for single in singles {
        count += u32::from(all & single.value == 0);
        all |= single.value;
    }
    let nonzero = sorted.iter().filter(|e| e.value != 0).count() as u64;
    let largest = sorted.last().map_or(0, |e| e.value);
    count >= 3 && sorted.iter().all(|e| e.value & !all == 0) && largest > nonzero
}
