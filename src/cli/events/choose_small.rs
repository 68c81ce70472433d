//! Which type a ring's events are: the one that the user names, else what events are mostly called.

use btfly::object::{MapSpec, Object};

use super::{Failure, Given, Kind, Kinds, named_type, usual_type};

/// Refuses a type that does not exist.
pub(super) fn check(object: &Object<'_>, given: &Given<'_>) -> Result<(), Failure> {
    named_type(object, given.what).map(drop)
}

pub(super) fn kinds(
    object: &Object<'_>,
    ring: &MapSpec<'_>,
    given: Option<&Given<'_>>,
) -> Result<Kinds, Failure> {
    let named = given.map(|given| named_type(object, given.what));
    let Some(btf) = &object.btf else {
        return named.map_or(Ok(Kinds::Unknown), |named| named.map(|_| Kinds::Unknown));
    };
    match named.transpose()?.or_else(|| usual_type(btf, ring.name)) {
        Some(ty) => Ok(Kinds::One(Kind::new(btf, ring.name, ty)?)),
        None => Ok(Kinds::Unknown),
    }
}
