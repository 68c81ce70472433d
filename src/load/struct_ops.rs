//! Tables of functions for the kernel (`struct_ops`): where the kernel has each member that the object's
//! struct has, and what it is told of a program that stands there.
//!
//! The kernel describes a kind of table by two structs in its BTF, or in that of a module: the table itself
//! (`tcp_congestion_ops`) and what a map of it holds (`bpf_struct_ops_tcp_congestion_ops`), which has the table
//! as a member. The object's struct may be older, newer or smaller than the kernel's: members go by their
//! names. Source: the kernel's `kernel/bpf/bpf_struct_ops.c`.

use super::named::Modules;
use super::targets::Sent;
use super::{LoadError, MapError};
use crate::btf::{Btf, BtfError, Header, Kind, Member, TypeId, Types, essential_name};
use crate::object::{MapKind, MapSpec, Object, Program, StructOps};
use crate::relocate::Target;
use crate::target::Wanted;

/// What stands before the name of a table in the name of what its map holds.
const VALUE: &str = "bpf_struct_ops_";

/// What is to be looked for: the tables of an object.
pub(super) struct AskedTables<'a>(Vec<AskedTable<'a>>);

struct AskedTable<'a> {
    /// Index in [`Object::maps`].
    map: usize,
    ops: &'a StructOps<'a>,
    /// The struct, by its essential name.
    name: &'a str,
    /// What its map holds.
    value: String,
    /// Names of its members.
    members: Vec<&'a str>,
}

/// The tables of an object, laid out as the kernel has them.
#[derive(Default)]
pub(super) struct Tables {
    tables: Vec<Table>,
    /// Functions that are only in tables that are not made.
    left_out: Vec<usize>,
}

/// A table, laid out as the kernel has it.
pub(super) struct Table {
    /// Index in [`Object::maps`].
    map: usize,
    /// The struct of what the map holds.
    pub value_type: TypeId,
    /// Bytes of that.
    pub value_size: u32,
    /// The table's struct.
    ty: TypeId,
    /// Whose types these are, if not the kernel's own.
    module: Option<String>,
    /// Each program: index in [`Object::functions`], and which member of the kernel's struct it is.
    programs: Vec<(usize, u32)>,
}

impl<'a> AskedTables<'a> {
    /// The tables that are made without being asked for.
    pub fn of(object: &'a Object<'_>) -> Result<AskedTables<'a>, Box<LoadError>> {
        let mut asked = Vec::new();
        for (map, spec) in object.maps.iter().enumerate() {
            let (MapKind::StructOps(ops), Some(btf)) = (&spec.kind, &object.btf) else {
                continue;
            };
            if !ops.autocreate {
                continue;
            }
            let of = btf.header(ops.ty)?;
            let name = essential_name(btf.str_at(of.name).unwrap_or_default());
            let members = (0..of.vlen).map(|i| btf.member(&of, i));
            let members = members.map(|m| Ok(btf.str_at(m?.name).unwrap_or_default()));
            asked.push(AskedTable {
                map,
                ops,
                name,
                value: [VALUE, name].concat(),
                members: members.collect::<Result<_, BtfError>>()?,
            });
        }
        Ok(AskedTables(asked))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the names to look for.
    pub fn want<'w>(&'w self, wanted: &mut Wanted<'w>) {
        for asked in &self.0 {
            wanted.root(asked.name, Kind::Struct);
            wanted.root(&asked.value, Kind::Struct);
            for name in [asked.name, &asked.value]
                .into_iter()
                .chain(asked.members.iter().copied())
            {
                wanted.name(name);
            }
        }
    }

    /// Lays out each table by the kernel's own types; `None`: it has none.
    pub fn find(
        &self,
        object: &Object<'_>,
        types: Option<&dyn Target>,
    ) -> Result<Tables, Box<LoadError>> {
        let mut found = Tables::default();
        for asked in &self.0 {
            let spec = object.maps.get(asked.map).map_or("", |m| m.name);
            let table = match (types, &object.btf) {
                (Some(types), Some(btf)) => asked.lay_out(spec, btf, types)?,
                _ => {
                    return Err(LoadError::Maps(MapError::NoTables { map: spec.into() }).into());
                }
            };
            found.tables.push(table);
        }
        let all = object.maps.iter().filter_map(|map| match &map.kind {
            MapKind::StructOps(ops) => Some(ops),
            _ => None,
        });
        let functions = all.flat_map(|ops| ops.programs.iter().map(|p| p.function));
        let placed = |function: usize| {
            let mut programs = found.tables.iter().flat_map(|t| &t.programs);
            programs.any(|(placed, _)| *placed == function)
        };
        let left_out = functions.filter(|function| !placed(*function)).collect();
        found.left_out = left_out;
        Ok(found)
    }
}

impl AskedTable<'_> {
    fn lay_out(
        &self,
        map: &str,
        btf: &Btf<'_>,
        types: &dyn Target,
    ) -> Result<Table, Box<LoadError>> {
        let bad = |why: String| {
            LoadError::Maps(MapError::Table {
                map: map.into(),
                name: self.name.into(),
                why,
            })
        };
        let none = || {
            LoadError::Maps(MapError::NoTable {
                map: map.into(),
                name: self.name.into(),
            })
        };
        let value = named(types, &self.value, None).ok_or_else(none)?;
        let module = types.module(value.id);
        let ty = named(types, self.name, module).ok_or_else(none)?;
        let of_value = (0..value.vlen).filter_map(|i| types.member(&value, i).ok());
        let mut of_value = of_value.filter(|m| m.ty == ty.id);
        if of_value.next().is_none() {
            return Err(bad(format!("{} does not hold it", self.value)).into());
        }
        let mut table = Table {
            map: self.map,
            value_type: value.id,
            value_size: value.size(),
            ty: ty.id,
            module: module.map(Into::into),
            programs: Vec::new(),
        };
        let own = btf.header(self.ops.ty)?;
        for (index, name) in (0u32..).zip(&self.members) {
            let member = btf.member(&own, index)?;
            let program = self.ops.programs.iter().find(|p| p.member == index);
            match theirs(types, &ty, name)? {
                Some((place, kernel)) => {
                    compare(btf, &member, types, &kernel, program.is_some())
                        .map_err(|why| bad(format!("{name} {why}")))?;
                    if let Some(program) = program {
                        table.programs.push((program.function, place));
                    }
                }
                // A newer struct than the kernel's: what is not set is not missed.
                None if program.is_none() && self.is_zero(btf, &member) => {}
                None => {
                    return Err(bad(format!("this kernel's has no {name}, which is set")).into());
                }
            }
        }
        Ok(table)
    }

    /// Whether nothing is set in a member.
    fn is_zero(&self, btf: &Btf<'_>, member: &Member) -> bool {
        let start = member.offset.bytes() as usize;
        let size = btf.size_of(member.ty).unwrap_or(u32::MAX) as usize;
        let end = start.saturating_add(size).min(self.ops.initial.len());
        let bytes = self.ops.initial.get(start..end);
        bytes.is_some_and(|bytes| bytes.iter().all(|&b| b == 0))
    }
}

/// The struct that is called so: of the kernel proper, or else of `module`, or of any where none is given.
fn named(types: &dyn Target, name: &str, module: Option<&str>) -> Option<Header> {
    let candidates = types.candidates(essential_name(name)).iter();
    let headers = candidates.filter_map(|&id| types.header(id).ok());
    let mut right = headers.filter(|header| {
        let of = types.module(header.id);
        header.kind == Kind::Struct
            && types.name(header.name) == Some(name)
            && (module.is_none() || of.is_none() || of == module)
    });
    right.next()
}

/// The member of the kernel's struct that is called so, and which it is.
fn theirs(types: &dyn Target, of: &Header, name: &str) -> Result<Option<(u32, Member)>, BtfError> {
    for index in 0..of.vlen {
        let member = types.member(of, index)?;
        if !name.is_empty() && types.name(member.name) == Some(name) {
            return Ok(Some((index, member)));
        }
    }
    Ok(None)
}

/// Whether a member can be given to the kernel's of that name.
fn compare(
    btf: &Btf<'_>,
    own: &Member,
    types: &dyn Target,
    kernel: &Member,
    is_program: bool,
) -> Result<(), String> {
    let text = |error: BtfError| format!("can't be read: {error}");
    if own.bitfield_size != 0 || kernel.bitfield_size != 0 {
        return Err("is a bitfield, which can't be set".into());
    }
    let (here, there) = (
        btf.peel(own.ty).map_err(text)?,
        types.peel(kernel.ty).map_err(text)?,
    );
    if here.kind != there.kind {
        return Err("is of another kind of type in this kernel".into());
    }
    if is_program {
        let target = types.peel(there.target()).map_err(text)?;
        return match target.kind {
            Kind::FuncProto => Ok(()),
            _ => Err("is no function in this kernel".into()),
        };
    }
    if here.kind == Kind::Ptr {
        return Ok(());
    }
    let (here, there) = (
        btf.size_of(own.ty).map_err(text)?,
        types.size_of(kernel.ty).map_err(text)?,
    );
    match here == there {
        true => Ok(()),
        false => Err(format!("has {here} bytes, and {there} in this kernel")),
    }
}

impl Tables {
    /// The layout of a map.
    pub fn table(&self, object: &Object<'_>, map: &MapSpec<'_>) -> Option<&Table> {
        let index = object.map(map.name)?;
        self.tables.iter().find(|table| table.map == index)
    }

    /// Whether a program is not loaded: no kernel function calls it.
    pub fn leaves_out(&self, program: &Program<'_>) -> bool {
        self.left_out.contains(&program.function)
    }

    /// The modules whose BTF must be named by descriptors.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.tables.iter().filter_map(|t| t.module.as_deref())
    }

    /// What is sent with a program: its table, and which member it is.
    pub fn of<'t>(
        &'t self,
        program: &Program<'_>,
        modules: &'t Modules,
    ) -> Result<Sent<'t>, Box<LoadError>> {
        let mut found = None;
        for table in &self.tables {
            let mut places = table.programs.iter();
            let Some((_, member)) = places.find(|(f, _)| *f == program.function) else {
                continue;
            };
            let sent = Sent {
                id: table.ty.number(),
                of: table.module.as_deref().and_then(|m| modules.get(m)),
                member: Some(*member),
            };
            match found {
                None => found = Some((table.ty, sent)),
                Some((ty, other)) if ty == table.ty && other.member == sent.member => {}
                Some(_) => {
                    return Err(LoadError::Maps(MapError::TwoPlaces {
                        program: program.name.into(),
                    })
                    .into());
                }
            }
        }
        found.map(|(_, sent)| sent).ok_or_else(|| {
            Box::new(LoadError::Maps(MapError::NoPlace {
                program: program.name.into(),
            }))
        })
    }
}

impl Table {
    /// The module whose types describe it.
    pub fn module(&self) -> Option<&str> {
        self.module.as_deref()
    }
}
