//! The parameters of a function of the kernel, as its BTF has them.

use super::kernel::Kernel;
use super::source::Source;
use super::{TargetError, Wanted};
use crate::btf::{BtfError, Header, Kind, StrOffset, TypeId, Types, essential_name};

/// The longest name of a parameter or member that is read.
const MAX_NAME: usize = 64;

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; empty where the BTF has none, or it is a module's.
    pub name: String,
    /// What it is.
    pub kind: ParameterKind,
}

/// What a parameter is, as far as it can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A number of so many bytes.
    Number {
        /// Bytes: 1, 2, 4 or 8.
        size: u32,
        /// Whether it may be negative.
        signed: bool,
    },
    /// A pointer.
    Pointer,
    /// Characters.
    Text,
    /// A pointer to a struct with a name: a pointer to characters so many bytes from its start.
    Named(u32),
    /// A struct or a number that is larger than a register.
    Large,
}

impl Kernel {
    /// The parameters of function `name`. `None`: the kernel's types do not have it, or it has none.
    ///
    /// # Errors
    /// BTF that can't be read.
    pub fn parameters(&self, name: &str) -> Result<Option<Vec<Parameter>>, TargetError> {
        let mut wanted = Wanted::default();
        wanted.root(essential_name(name), Kind::Func);
        for name in [name, "char", "name"] {
            wanted.name(name);
        }
        let types = self.types(&wanted)?.types;
        let types = &*types;
        let found = types.candidates(essential_name(name)).iter().find(|&&id| {
            let header = types.header(id).ok();
            header.is_some_and(|h| h.kind == Kind::Func && types.name(h.name) == Some(name))
        });
        let Some(&function) = found else {
            return Ok(None);
        };
        let Some((source, len, path, _)) = self.source()? else {
            return Ok(None);
        };
        let of_module = types.module(function).is_some();
        let failed = |source| TargetError::Btf {
            path: path.clone(),
            source,
        };
        let names = Names::new(&source, len).map_err(failed)?;
        let parameters = (|| {
            let prototype = types.header(types.header(function)?.target())?;
            let mut parameters = Vec::new();
            for index in 0..prototype.vlen {
                let param = types.param(&prototype, index)?;
                // What ends a list of any length.
                if param.ty == TypeId::VOID {
                    break;
                }
                let name = match of_module {
                    true => String::new(),
                    false => names.read(param.name)?,
                };
                let kind = kind(types, param.ty)?;
                parameters.push(Parameter { name, kind });
            }
            Ok(parameters)
        })();
        parameters.map(Some).map_err(failed)
    }
}

fn kind(types: &dyn Types, ty: TypeId) -> Result<ParameterKind, BtfError> {
    let of = types.peel(ty)?;
    Ok(match of.kind {
        Kind::Ptr => pointed(types, &of)?,
        Kind::Int | Kind::Enum | Kind::Enum64 if matches!(of.size(), 1 | 2 | 4 | 8) => {
            ParameterKind::Number {
                size: of.size(),
                signed: match of.kind {
                    Kind::Int => types.int(&of)?.signed,
                    _ => of.flag,
                },
            }
        }
        _ => ParameterKind::Large,
    })
}

fn pointed(types: &dyn Types, pointer: &Header) -> Result<ParameterKind, BtfError> {
    if pointer.target() == TypeId::VOID {
        return Ok(ParameterKind::Pointer);
    }
    let Ok(of) = types.peel(pointer.target()) else {
        return Ok(ParameterKind::Pointer);
    };
    if is_char(types, &of) {
        return Ok(ParameterKind::Text);
    }
    if of.kind != Kind::Struct {
        return Ok(ParameterKind::Pointer);
    }
    for index in 0..of.vlen {
        let member = types.member(&of, index)?;
        if types.name(member.name) != Some("name") {
            continue;
        }
        let inner = types.peel(member.ty)?;
        let to = match inner.kind {
            Kind::Ptr if inner.target() != TypeId::VOID => types.peel(inner.target()).ok(),
            _ => None,
        };
        if to.is_some_and(|to| is_char(types, &to)) {
            return Ok(ParameterKind::Named(member.offset.0 / 8));
        }
    }
    Ok(ParameterKind::Pointer)
}

fn is_char(types: &dyn Types, of: &Header) -> bool {
    of.kind == Kind::Int && of.size() == 1 && types.name(of.name) == Some("char")
}

/// Names by their place: a window on types knows only those that it was asked for.
struct Names<'s> {
    source: &'s Source<'s>,
    /// Bytes from the start to the first string, and to the end of the last.
    start: u64,
    end: u64,
}

impl<'s> Names<'s> {
    fn new(source: &'s Source<'s>, len: u64) -> Result<Names<'s>, BtfError> {
        let layout = source.layout(len)?;
        let start = layout.strings_at as u64;
        Ok(Names {
            source,
            start,
            end: start.saturating_add(layout.strings_len as u64),
        })
    }

    fn read(&self, at: StrOffset) -> Result<String, BtfError> {
        let at = self.start.saturating_add(at.0.into());
        let len = self.end.saturating_sub(at).min(MAX_NAME as u64) as usize;
        let mut bytes = [0; MAX_NAME];
        let Some(room) = bytes.get_mut(..len) else {
            return Ok(String::new());
        };
        let read = self.source.read(at, room)?;
        let name = bytes.get(..read).unwrap_or_default();
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(String::from_utf8_lossy(name).into_owned())
    }
}
