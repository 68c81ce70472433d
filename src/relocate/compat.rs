//! When two types count as the same: three sets of rules, for fields, for existence, for a match.

use super::RelocateError;
use super::spec::type_name;
use crate::btf::{Btf, Header, Kind, StrOffset, TypeId, Types, essential_name};

/// How deep types are compared.
const MAX_DEPTH: u32 = 32;

/// Comparisons with one candidate before it is given up: real types need some thousands, a match of
/// the largest structs and enums some hundred thousand.
const MAX_STEPS: u32 = 1_000_000;

/// The object's types, the kernel's, and how much work comparing them may still take.
pub(super) struct Pair<'p> {
    pub local: &'p Btf<'p>,
    pub target: &'p dyn Types,
    steps: u32,
    root: TypeId,
}

/// Whether a pointer was crossed on the way to the types being matched.
#[derive(Clone, Copy, PartialEq)]
enum Behind {
    Nothing,
    Pointer,
}

impl<'p> Pair<'p> {
    pub fn new(local: &'p Btf<'p>, target: &'p dyn Types, root: TypeId) -> Pair<'p> {
        Pair {
            local,
            target,
            steps: 0,
            root,
        }
    }

    /// Counts one comparison.
    pub fn step(&mut self) -> Result<(), RelocateError> {
        self.steps += 1;
        match self.steps < MAX_STEPS {
            true => Ok(()),
            false => Err(RelocateError::Entangled(type_name(self.local, self.root))),
        }
    }

    pub fn too_deep(&self) -> RelocateError {
        RelocateError::Entangled(type_name(self.local, self.root))
    }

    /// Equal names but for flavours. A target name that nobody asked for equals none.
    pub fn same_essential(&self, local: StrOffset, target: StrOffset) -> bool {
        let local = self.local.str_at(local).unwrap_or_default();
        let target = self.target.name(target);
        target.is_some_and(|t| essential_name(t) == essential_name(local))
    }

    fn is_anonymous(types: &dyn Types, name: StrOffset) -> bool {
        name.0 == 0 || types.name(name) == Some("")
    }

    /// Whether a field of the local type may be read as one of the target type.
    pub fn fields(&mut self, local: TypeId, target: TypeId) -> Result<bool, RelocateError> {
        let (mut local, mut target) = (local, target);
        for _ in 0..MAX_DEPTH {
            self.step()?;
            let l = self.local.peel(local)?;
            let t = self.target.peel(target)?;
            if l.kind.is_composite() && t.kind.is_composite() {
                return Ok(true);
            }
            if !same_kind(&l, &t) {
                return Ok(false);
            }
            match l.kind {
                Kind::Ptr | Kind::Float => return Ok(true),
                Kind::Fwd | Kind::Enum | Kind::Enum64 => {
                    return Ok(Self::is_anonymous(self.local, l.name)
                        || Self::is_anonymous(self.target, t.name)
                        || self.same_essential(l.name, t.name));
                }
                Kind::Int => return self.plain_ints(&l, &t),
                Kind::Array => {
                    local = self.local.array(&l)?.element;
                    target = self.target.array(&t)?.element;
                }
                _ => return Ok(false),
            }
        }
        Err(self.too_deep())
    }

    /// Ints of any size and sign, but not the bitfields of old compilers.
    fn plain_ints(&self, l: &Header, t: &Header) -> Result<bool, RelocateError> {
        Ok(self.local.int(l)?.bit_offset == 0 && self.target.int(t)?.bit_offset == 0)
    }

    /// Whether the target type is there in the sense of `bpf_core_type_exists`. The names of the
    /// two roots are known to agree.
    pub fn types(&mut self, local: TypeId, target: TypeId) -> Result<bool, RelocateError> {
        if !same_kind(&self.local.header(local)?, &self.target.header(target)?) {
            return Ok(false);
        }
        self.types_below(local, target, MAX_DEPTH)
    }

    /// `levels` bounds how deep function types lie in one another, and the loop how long each chain
    /// of pointers and arrays is.
    fn types_below(
        &mut self,
        local: TypeId,
        target: TypeId,
        levels: u32,
    ) -> Result<bool, RelocateError> {
        let (mut local, mut target) = (local, target);
        for _ in 0..MAX_DEPTH {
            self.step()?;
            let l = self.local.peel(local)?;
            let t = self.target.peel(target)?;
            if !same_kind(&l, &t) {
                return Ok(false);
            }
            match l.kind {
                Kind::Void | Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 | Kind::Fwd => {
                    return Ok(true);
                }
                Kind::Int => return self.plain_ints(&l, &t),
                Kind::Ptr => (local, target) = (l.target(), t.target()),
                Kind::Array => {
                    local = self.local.array(&l)?.element;
                    target = self.target.array(&t)?.element;
                }
                Kind::FuncProto => {
                    if l.vlen != t.vlen {
                        return Ok(false);
                    }
                    for index in 0..l.vlen {
                        let lp = self.local.param(&l, index)?.ty;
                        let tp = self.target.param(&t, index)?.ty;
                        let levels = levels.checked_sub(1).ok_or_else(|| self.too_deep())?;
                        if !self.types_below(lp, tp, levels)? {
                            return Ok(false);
                        }
                    }
                    (local, target) = (l.target(), t.target());
                }
                _ => return Ok(false),
            }
        }
        Err(self.too_deep())
    }

    /// Whether the target type matches in the sense of `bpf_core_type_matches`: every part of the
    /// local type is there, under the same name and with a type that matches.
    pub fn matches(&mut self, local: TypeId, target: TypeId) -> Result<bool, RelocateError> {
        self.matches_below(local, target, Behind::Nothing, MAX_DEPTH)
    }

    fn matches_below(
        &mut self,
        local: TypeId,
        target: TypeId,
        behind: Behind,
        levels: u32,
    ) -> Result<bool, RelocateError> {
        let (mut local, mut target, mut behind) = (local, target, behind);
        let levels = levels.checked_sub(1).ok_or_else(|| self.too_deep())?;
        for _ in 0..MAX_DEPTH {
            self.step()?;
            let l = self.local.peel(local)?;
            let t = self.target.peel(target)?;
            if !self.same_type_name(l.name, t.name) {
                return Ok(false);
            }
            match l.kind {
                Kind::Void => return Ok(t.kind == Kind::Void),
                Kind::Fwd => return Ok(forward_matches(&l, &t, behind)),
                Kind::Enum | Kind::Enum64 => return self.enum_matches(&l, &t),
                Kind::Struct | Kind::Union if behind == Behind::Pointer => {
                    return Ok(l.kind == t.kind
                        || (t.kind == Kind::Fwd && (l.kind == Kind::Union) == t.flag));
                }
                Kind::Struct | Kind::Union => return self.composite_matches(&l, &t, levels),
                _ if l.kind != t.kind => return Ok(false),
                Kind::Int => {
                    let signs = (self.local.int(&l)?.signed, self.target.int(&t)?.signed);
                    return Ok(l.size() == t.size() && signs.0 == signs.1);
                }
                Kind::Ptr => {
                    behind = Behind::Pointer;
                    (local, target) = (l.target(), t.target());
                }
                Kind::Array => {
                    let (la, ta) = (self.local.array(&l)?, self.target.array(&t)?);
                    if la.len != ta.len {
                        return Ok(false);
                    }
                    (local, target) = (la.element, ta.element);
                }
                Kind::FuncProto => {
                    if l.vlen != t.vlen {
                        return Ok(false);
                    }
                    for index in 0..l.vlen {
                        let lp = self.local.param(&l, index)?.ty;
                        let tp = self.target.param(&t, index)?.ty;
                        if !self.matches_below(lp, tp, behind, levels)? {
                            return Ok(false);
                        }
                    }
                    (local, target) = (l.target(), t.target());
                }
                _ => return Ok(false),
            }
        }
        Err(self.too_deep())
    }

    /// Two type names: both empty, or equal but for flavours.
    fn same_type_name(&self, local: StrOffset, target: StrOffset) -> bool {
        match Self::is_anonymous(self.target, target) {
            true => Self::is_anonymous(self.local, local),
            false => self.same_essential(local, target),
        }
    }

    /// Every local enumerator is there by name; their values may differ.
    fn enum_matches(&mut self, l: &Header, t: &Header) -> Result<bool, RelocateError> {
        if !t.kind.is_enum() || l.size() != t.size() || l.vlen > t.vlen {
            return Ok(false);
        }
        for li in 0..l.vlen {
            let name = self.local.enumerator(l, li)?.name;
            let mut found = false;
            for ti in 0..t.vlen {
                self.step()?;
                if self.same_essential(name, self.target.enumerator(t, ti)?.name) {
                    found = true;
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Every local member is there by name with a type that matches.
    fn composite_matches(
        &mut self,
        l: &Header,
        t: &Header,
        levels: u32,
    ) -> Result<bool, RelocateError> {
        if l.kind != t.kind || l.vlen > t.vlen {
            return Ok(false);
        }
        for li in 0..l.vlen {
            let lm = self.local.member(l, li)?;
            let mut found = false;
            for ti in 0..t.vlen {
                self.step()?;
                let tm = self.target.member(t, ti)?;
                if self.same_type_name(lm.name, tm.name)
                    && self.matches_below(lm.ty, tm.ty, Behind::Nothing, levels)?
                {
                    found = true;
                    break;
                }
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The same kind; enums of both widths are one.
pub(super) fn same_kind(l: &Header, t: &Header) -> bool {
    l.kind == t.kind || (l.kind.is_enum() && t.kind.is_enum())
}

/// A forward declaration says struct or union by its flag; behind a pointer it stands for either.
fn forward_matches(l: &Header, t: &Header, behind: Behind) -> bool {
    match (behind, t.kind) {
        (_, Kind::Fwd) => l.flag == t.flag,
        (Behind::Pointer, Kind::Struct) => !l.flag,
        (Behind::Pointer, Kind::Union) => l.flag,
        _ => false,
    }
}
