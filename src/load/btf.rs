//! The object's BTF in the kernel.

use rustix::fd::OwnedFd;
use rustix::io::Errno;

#[cfg(feature = "full")]
use super::contexts::context;
use super::{LoadError, Memlock};
use crate::btf::{DatasecFill, for_kernel};
#[cfg(feature = "full")]
use crate::btf::{Lacks, Retyped, WithContexts, has_tagged, make_static, retype, sanitise};
use crate::object::{MapKind, Object};
use crate::sys::Feature;
use crate::sys::bpf::{self, Log};
use crate::target::Kernel;

/// The object's BTF in the kernel, or why it is not there. The object is loaded all the same: the
/// kernel then lacks names and source lines, nothing else.
pub(super) struct Loaded {
    pub fd: Option<OwnedFd>,
    /// What the kernel said, where it refused.
    pub refusal: Option<String>,
    /// Functions that have other records for some kinds of programs.
    #[cfg(feature = "full")]
    pub retyped: Vec<Retyped>,
}

/// Loads the object's BTF.
pub(super) fn load(
    object: &Object<'_>,
    kernel: &Kernel,
    memlock: &Memlock<'_>,
) -> Result<Loaded, Box<LoadError>> {
    let without = |refusal| {
        Ok(Loaded {
            fd: None,
            refusal,
            #[cfg(feature = "full")]
            retyped: Vec::new(),
        })
    };
    let Some(btf) = &object.btf else {
        return without(None);
    };
    if kernel.features.is_hidden(Feature::Btf) {
        return without(None);
    }
    let bytes = for_kernel(btf, &fills(object))?;
    #[cfg(feature = "full")]
    let bytes = with_hidden_functions(object, bytes)?;
    #[cfg(feature = "full")]
    let (bytes, retyped) = with_contexts(object, kernel, bytes)?;
    #[cfg(feature = "full")]
    let (bytes, sent) = send(bytes, kernel, memlock)?;
    #[cfg(not(feature = "full"))]
    let sent = memlock.retry(|| bpf::btf_load(&bytes, None));
    match sent {
        Ok(fd) => Ok(Loaded {
            fd: Some(fd),
            refusal: None,
            #[cfg(feature = "full")]
            retyped,
        }),
        Err(errno @ (Errno::PERM | Errno::ACCESS)) => Err(LoadError::Permission {
            subject: "loading the object's BTF".into(),
            errno,
        }
        .into()),
        // A kernel that is older than a kind of record in it. Maps and programs do without.
        Err(errno) => without(Some(refusal(&bytes, errno))),
    }
}

/// Loads the types of an object alone, as they are loaded with its programs. `None` where this kernel does not
/// take them, or the object has none.
///
/// # Errors
/// Types that can't be read; what is not permitted.
pub fn load_types(object: &Object<'_>, kernel: &Kernel) -> Result<Option<OwnedFd>, Box<LoadError>> {
    let memlock = Memlock::new(&kernel.features);
    Ok(load(object, kernel, &memlock)?.fd)
}

/// Subprograms that the object hides are static to the kernel.
#[cfg(feature = "full")]
fn with_hidden_functions(
    object: &Object<'_>,
    mut bytes: Vec<u8>,
) -> Result<Vec<u8>, Box<LoadError>> {
    let programs = || object.programs.iter().map(|p| p.function);
    let functions = object.functions.iter().enumerate();
    let hidden = functions.filter(|(_, f)| !f.local && !f.global);
    let hidden = hidden.filter(|(index, _)| programs().all(|of| of != *index));
    let hidden: Vec<&str> = hidden.map(|(_, f)| f.name).collect();
    make_static(&mut bytes, &hidden)?;
    Ok(bytes)
}

/// Arguments that are declared to be the context get its type where the kernel does not know the declaration.
#[cfg(feature = "full")]
fn with_contexts(
    object: &Object<'_>,
    kernel: &Kernel,
    bytes: Vec<u8>,
) -> Result<WithContexts, Box<LoadError>> {
    if !has_tagged(&bytes)? || kernel.features.has(Feature::ArgCtxTag) {
        return Ok((bytes, Vec::new()));
    }
    let contexts = object.programs.iter().map(|p| context(p.kind.prog_type));
    let contexts: Vec<_> = contexts.collect();
    Ok(retype(&bytes, &contexts)?.unwrap_or((bytes, Vec::new())))
}

/// Loads BTF, without what the kernel is known not to know or, where it refuses, turns out not to. The
/// bytes are those that were loaded last.
#[cfg(feature = "full")]
fn send(
    mut bytes: Vec<u8>,
    kernel: &Kernel,
    memlock: &Memlock<'_>,
) -> Result<(Vec<u8>, rustix::io::Result<OwnedFd>), Box<LoadError>> {
    let features = &kernel.features;
    let left_out = lacks(&|feature| features.known(feature) == Some(false));
    if left_out != Lacks::default() {
        bytes = sanitise(&bytes, left_out)?;
    }
    let mut sent = memlock.retry(|| bpf::btf_load(&bytes, None));
    if !matches!(sent, Ok(_) | Err(Errno::PERM | Errno::ACCESS)) {
        bytes = sanitise(&bytes, lacks(&|feature| !features.has(feature)))?;
        sent = bpf::btf_load(&bytes, None);
    }
    Ok((bytes, sent))
}

/// What of BTF a kernel does not know that lacks these features.
#[cfg(feature = "full")]
fn lacks(lacking: &dyn Fn(Feature) -> bool) -> Lacks {
    Lacks {
        func: lacking(Feature::BtfFunc),
        datasec: lacking(Feature::BtfDatasec),
        global_func: lacking(Feature::BtfGlobalFunc),
        float: lacking(Feature::BtfFloat),
        decl_tag: lacking(Feature::BtfDeclTag),
        type_tag: lacking(Feature::BtfTypeTag),
        enum64: lacking(Feature::BtfEnum64),
        section_names: lacking(Feature::BtfQmarkDatasec),
    }
}

/// The last line that the kernel says of a BTF that it refuses.
fn refusal(bytes: &[u8], errno: Errno) -> String {
    let mut buffer = vec![0; 64 * 1024];
    let log = Log {
        buffer: &mut buffer,
        level: 1,
    };
    let _ = bpf::btf_load(bytes, Some(log));
    let end = buffer.iter().position(|&b| b == 0).unwrap_or(0);
    let text = String::from_utf8_lossy(buffer.get(..end).unwrap_or_default());
    match text.lines().last() {
        Some(line) => format!("{errno}: {line}"),
        None => errno.to_string(),
    }
}

/// What the ELF symbols say of each data section, and of `.maps`.
fn fills(object: &Object<'_>) -> Vec<DatasecFill> {
    let mut fills = vec![DatasecFill {
        section: ".maps".into(),
        size: 0,
        vars: Vec::new(),
    }];
    for (index, map) in object.maps.iter().enumerate() {
        match &map.kind {
            MapKind::Declared { offset } => {
                if let (Some(fill), Ok(offset)) = (fills.first_mut(), u32::try_from(*offset)) {
                    fill.vars.push((map.name.into(), offset));
                }
            }
            MapKind::Data { .. } => fills.push(DatasecFill {
                section: map.name.into(),
                size: map.value_size,
                vars: variables(object, index),
            }),
            #[cfg(feature = "full")]
            MapKind::Legacy => {}
            #[cfg(feature = "full")]
            MapKind::StructOps(ops) => struct_ops_fill(&mut fills, map.name, ops),
        }
        #[cfg(feature = "full")]
        if let Some(data) = &map.arena_data {
            fills.push(DatasecFill {
                section: crate::object::ARENA_SECTION.into(),
                size: data.len() as u32,
                vars: variables(object, index),
            });
        }
    }
    fills
}

/// The variables of a data map, and where each is.
fn variables(object: &Object<'_>, map: usize) -> Vec<(String, u32)> {
    let own = object.globals.iter().filter(|g| g.map == map);
    own.map(|g| (g.name.into(), g.offset as u32)).collect()
}

#[cfg(feature = "full")]
fn struct_ops_fill(fills: &mut Vec<DatasecFill>, name: &str, ops: &crate::object::StructOps<'_>) {
    let known = fills.iter().position(|f| f.section == ops.section);
    let at = known.unwrap_or(fills.len());
    if known.is_none() {
        fills.push(DatasecFill {
            section: ops.section.into(),
            size: 0,
            vars: Vec::new(),
        });
    }
    if let (Some(fill), Ok(offset)) = (fills.get_mut(at), u32::try_from(ops.offset)) {
        fill.vars.push((name.into(), offset));
    }
}
