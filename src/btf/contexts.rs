//! Arguments that are declared to be the program's context (`arg:ctx`), for kernels that do not know the
//! declaration.
//!
//! The verifier looks at a global function by itself, and has its argument's type to go by. From 6.8 on a tag
//! says that a `void *` is the context; before, only a pointer to the one struct that the verifier calls the
//! context of that kind of program does. Functions are shared by programs of several kinds: each kind gets
//! records of its own, at the end, so that all others keep their numbers. A kind whose context has no name
//! gets the function as a static one, which is verified with what its callers hand over.
//! Source: the kernel's `btf_get_prog_ctx_type` and `btf_prepare_func_args`.

use super::{Btf, BtfError, Encoder, Header, Kind, Linkage, Record, TypeId, Types};

/// The tag of such an argument.
const TAG: &str = "arg:ctx";

/// What the verifier calls the context of a kind of program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its struct. `None`: it has no name.
    pub name: Option<&'static str>,
    /// Other structs that stand for it.
    pub also: &'static [&'static str],
    /// Whether 64-bit integers stand for it.
    pub integers: bool,
}

/// What a function is called by for programs with one context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retyped {
    /// The context.
    pub context: Context,
    /// The object's function.
    pub from: TypeId,
    /// Its other record.
    pub to: TypeId,
}

/// The bytes of a BTF, and which of its functions have other records.
pub type WithContexts = (Vec<u8>, Vec<Retyped>);

/// A copy of `bytes` with records for each of `contexts`, and what they are for. `None`: there is no such
/// argument in it.
///
/// # Errors
/// Records that can't be read.
pub fn retype(bytes: &[u8], contexts: &[Context]) -> Result<Option<WithContexts>, BtfError> {
    let btf = Btf::parse(bytes)?;
    let tagged = tagged(&btf)?;
    if tagged.is_empty() {
        return Ok(None);
    }
    let mut out = Encoder::behind(&btf);
    let mut retyped: Vec<Retyped> = Vec::new();
    for &context in contexts {
        if retyped.iter().any(|known| known.context == context) {
            continue;
        }
        for (function, arguments) in &tagged {
            let to = match context.name {
                Some(name) => with_named(&btf, &mut out, function, arguments, (name, context))?,
                None => Some(copy(
                    &btf,
                    &mut out,
                    function,
                    function.target(),
                    Linkage::Static,
                )),
            };
            retyped.extend(to.map(|to| Retyped {
                context,
                from: function.id,
                to,
            }));
        }
    }
    Ok(Some((out.bytes(), retyped)))
}

/// Whether there is such an argument.
///
/// # Errors
/// Records that can't be read.
pub fn has_tagged(bytes: &[u8]) -> Result<bool, BtfError> {
    Ok(!tagged(&Btf::parse(bytes)?)?.is_empty())
}

/// The global functions with such arguments, and which those are.
fn tagged(btf: &Btf<'_>) -> Result<Vec<(Header, Vec<u32>)>, BtfError> {
    let mut found: Vec<(Header, Vec<u32>)> = Vec::new();
    for id in btf.ids() {
        let tag = btf.header(id)?;
        if tag.kind != Kind::DeclTag || btf.str_at(tag.name) != Some(TAG) {
            continue;
        }
        let function = btf.header(tag.target())?;
        if function.kind != Kind::Func || btf.linkage(&function)? != Linkage::Global {
            continue;
        }
        let mut component = [0; 4];
        btf.read(id, Header::LEN, &mut component)?;
        let argument = u32::from_le_bytes(component);
        let proto = btf.header(function.target())?;
        if proto.kind != Kind::FuncProto || argument >= proto.vlen {
            continue;
        }
        match found.iter_mut().find(|(known, _)| known.id == function.id) {
            Some((_, arguments)) => arguments.push(argument),
            None => found.push((function, vec![argument])),
        }
    }
    Ok(found)
}

/// A function whose tagged arguments point to the struct of this name. `None`: they do already, or none of
/// them points to what may stand for it.
fn with_named(
    btf: &Btf<'_>,
    out: &mut Encoder,
    function: &Header,
    arguments: &[u32],
    (name, context): (&str, Context),
) -> Result<Option<TypeId>, BtfError> {
    let proto = btf.header(function.target())?;
    let mut words = Vec::new();
    let mut changed = false;
    for index in 0..proto.vlen {
        let param = btf.param(&proto, index)?;
        let ty = match arguments.contains(&index) && stands_for(btf, param.ty, context)? {
            true => {
                changed = true;
                let of = out.structure(name, 0, &[]);
                out.plain(Kind::Ptr, "", of.0)
            }
            false => param.ty,
        };
        words.extend([param.name.0, ty.0]);
    }
    if !changed {
        return Ok(None);
    }
    let record = Record {
        kind: Kind::FuncProto,
        flag: false,
        vlen: proto.vlen,
        size_or_type: proto.size_or_type,
        rest: &words,
    };
    let proto = out.add("", record);
    Ok(Some(copy(btf, out, function, proto, Linkage::Global)))
}

/// Whether a type is a pointer to what may stand for a context, and is not its struct.
fn stands_for(btf: &Btf<'_>, ty: TypeId, context: Context) -> Result<bool, BtfError> {
    let pointer = btf.peel(ty)?;
    if pointer.kind != Kind::Ptr {
        return Ok(false);
    }
    let to = btf.peel(pointer.target())?;
    let name = btf.str_at(to.name).unwrap_or_default();
    Ok(match to.kind {
        Kind::Void => true,
        Kind::Struct | Kind::Fwd => context.also.contains(&name),
        Kind::Int => context.integers && to.size() == 8,
        _ => false,
    })
}

/// A record of the same function with another prototype.
fn copy(
    btf: &Btf<'_>,
    out: &mut Encoder,
    function: &Header,
    proto: TypeId,
    as_a: Linkage,
) -> TypeId {
    let record = Record {
        kind: Kind::Func,
        flag: false,
        vlen: as_a as u32,
        size_or_type: proto.0,
        rest: &[],
    };
    out.add(btf.str_at(function.name).unwrap_or_default(), record)
}

/// Lets function records (`bpf_func_info`: instruction and type) name what there is for a context.
pub fn rename(func_info: &mut [u8], retyped: &[Retyped], context: Context) {
    let (records, _) = func_info.as_chunks_mut::<8>();
    for record in records {
        let [_, _, _, _, ty @ ..] = record;
        let from = TypeId(u32::from_le_bytes(*ty));
        let fits = |known: &&Retyped| known.context == context && known.from == from;
        if let Some(known) = retyped.iter().find(fits) {
            *ty = known.to.0.to_le_bytes();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::testing::Builder;

    const XDP: Context = Context {
        name: Some("xdp_md"),
        also: &[],
        integers: false,
    };
    const KPROBE: Context = Context {
        name: Some("bpf_user_pt_regs_t"),
        also: &["pt_regs"],
        integers: false,
    };
    const RAW: Context = Context {
        name: Some("bpf_raw_tracepoint_args"),
        also: &[],
        integers: true,
    };
    const UNNAMED: Context = Context {
        name: None,
        also: &[],
        integers: false,
    };

    /// One function of an int and a pointer, the pointer tagged; what it points to is as asked.
    fn object(
        pointer_to: impl FnOnce(&mut Builder) -> TypeId,
        linkage: Linkage,
    ) -> (Vec<u8>, TypeId) {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        let to = pointer_to(&mut b);
        let pointer = b.ptr(to);
        let proto = b.func_proto(int, &[("number", int), ("ctx", pointer)]);
        let function = b.func("helps", proto, linkage);
        b.decl_tag(TAG, function, Some(1));
        b.decl_tag("arg:nonnull", function, Some(0));
        (b.bytes(), function)
    }

    /// What the tagged argument of the function points to for a context, and the function's linkage.
    fn seen(bytes: &[u8], of: TypeId, context: Context) -> Option<(String, Linkage)> {
        let (after, retyped) = retype(bytes, &[context, XDP, context]).unwrap().unwrap();
        let btf = Btf::parse(&after).unwrap();
        // What was there keeps its place.
        let before = Btf::parse(bytes).unwrap();
        for id in before.ids() {
            let record = |btf: &Btf<'_>| {
                let of = btf.header(id).unwrap();
                (of.name, of.kind, of.vlen, of.size_or_type)
            };
            assert_eq!(record(&btf), record(&before));
        }
        let mut info = [[7u32, of.0], [9, of.0 + 100]].map(|words| words.map(u32::to_le_bytes));
        let info = info.as_flattened_mut().as_flattened_mut();
        let untouched = info.to_vec();
        rename(info, &retyped, context);
        assert_eq!((&info[..4], &info[8..]), (&untouched[..4], &untouched[8..]));
        let id = TypeId(u32::from_le_bytes(info[4..8].try_into().unwrap()));
        let function = btf.header(id).unwrap();
        assert_eq!(btf.str_at(function.name), Some("helps"));
        let proto = btf.header(function.target()).unwrap();
        assert_eq!((proto.kind, proto.vlen), (Kind::FuncProto, 2));
        let [number, ctx] = [0, 1].map(|index| btf.param(&proto, index).unwrap());
        assert_eq!(btf.str_at(ctx.name), Some("ctx"));
        assert_eq!(btf.peel(number.ty).unwrap().kind, Kind::Int);
        let to = btf.peel(btf.peel(ctx.ty).unwrap().target()).unwrap();
        let name = btf.str_at(to.name).unwrap().to_owned();
        (id != of).then(|| (name, btf.linkage(&function).unwrap()))
    }

    #[test]
    fn what_stands_for_the_context_becomes_a_pointer_to_its_struct() {
        let void = |_: &mut Builder| TypeId::VOID;
        let constant = |b: &mut Builder| b.constant(TypeId::VOID);
        let regs = |b: &mut Builder| b.structure("pt_regs", 8, &[]);
        let of_its_own = |b: &mut Builder| b.structure("xdp_md", 8, &[]);
        let number = |b: &mut Builder| b.int("unsigned long", 8, false);
        let becomes = |name: &str| Some((name.to_owned(), Linkage::Global));
        type Pointed = fn(&mut Builder) -> TypeId;
        for (pointed, context, expected) in [
            (void as Pointed, XDP, becomes("xdp_md")),
            (void, KPROBE, becomes("bpf_user_pt_regs_t")),
            (constant, RAW, becomes("bpf_raw_tracepoint_args")),
            (regs, KPROBE, becomes("bpf_user_pt_regs_t")),
            (number, RAW, becomes("bpf_raw_tracepoint_args")),
            // A name that is right, and types that are something else.
            (of_its_own, XDP, None),
            (regs, XDP, None),
            (number, KPROBE, None),
            // Verified with its callers.
            (void, UNNAMED, Some((String::new(), Linkage::Static))),
        ] {
            let (bytes, of) = object(pointed, Linkage::Global);
            assert_eq!(seen(&bytes, of, context), expected, "{context:?}");
        }
    }

    #[test]
    fn only_global_functions_are_looked_at_and_only_arguments_that_they_have() {
        let (bytes, _) = object(|_| TypeId::VOID, Linkage::Static);
        assert_eq!(retype(&bytes, &[XDP]).unwrap(), None);
        let mut b = Builder::new();
        let proto = b.func_proto(TypeId::VOID, &[]);
        let function = b.func("none", proto, Linkage::Global);
        for (target, component) in [(function, Some(0)), (function, None), (proto, Some(0))] {
            b.decl_tag(TAG, target, component);
        }
        assert!(!has_tagged(&b.bytes()).unwrap());
        b.decl_tag(TAG, TypeId(4711), Some(0));
        retype(&b.bytes(), &[XDP]).unwrap_err();
    }
}
