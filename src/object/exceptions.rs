//! Exception callbacks: the function that a program names, by a tag in its BTF, to run when it throws.

use super::{Object, ObjectError};
use crate::btf::{Kind, Linkage, Types};

const TAG: &str = "exception_callback:";

/// Gives each program the callback that the BTF names.
pub(super) fn read(object: &mut Object<'_>) -> Result<(), ObjectError> {
    let Some(btf) = &object.btf else {
        return Ok(());
    };
    let mut found = Vec::new();
    for id in btf.ids() {
        let Ok(tag) = btf.header(id) else { continue };
        let name = btf.str_at(tag.name).unwrap_or_default();
        let Some(callback) = name.strip_prefix(TAG).filter(|_| tag.kind == Kind::DeclTag) else {
            continue;
        };
        let Ok(function) = btf.header(tag.target()) else {
            continue;
        };
        // A tag on a parameter is none of these.
        if function.kind != Kind::Func || !is_of_whole(btf, &tag) {
            continue;
        }
        let main = btf.str_at(function.name).unwrap_or_default();
        for (index, program) in object.programs.iter().enumerate() {
            if program.name != main {
                continue;
            }
            let bad = |why| ObjectError::BadCallback {
                program: main.into(),
                callback: callback.into(),
                why,
            };
            if btf.linkage(&function) != Ok(Linkage::Global) {
                return Err(bad("is given to a function that is static"));
            }
            let callback = callback_at(object, callback).map_err(bad)?;
            found.push((index, callback));
        }
    }
    for (index, callback) in &found {
        // Of several the kernel will not have any, and says so.
        let several = found.iter().filter(|(i, _)| i == index).count() > 1;
        if let Some(program) = object.programs.get_mut(*index).filter(|_| !several) {
            program.exception_callback = Some(*callback);
        }
    }
    Ok(())
}

fn is_of_whole(btf: &crate::btf::Btf<'_>, tag: &crate::btf::Header) -> bool {
    let mut component = [0; 4];
    let read = btf.read(tag.id, crate::btf::Header::LEN, &mut component);
    read.is_ok() && i32::from_le_bytes(component) == -1
}

fn callback_at(object: &Object<'_>, name: &str) -> Result<usize, &'static str> {
    if name.is_empty() {
        return Err("has no name");
    }
    let is_program = |index| object.programs.iter().any(|p| p.function == index);
    let all = object.functions.iter().enumerate();
    let mut all = all.filter(|(index, f)| f.name == name && !is_program(*index));
    let (index, function) = all.next().ok_or("is not in the object")?;
    if all.next().is_some() {
        return Err("is there more than once");
    }
    match function.global {
        true => Ok(index),
        false => Err("must be a global function that is not hidden"),
    }
}
