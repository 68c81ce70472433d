//! In the place of `externs`, where the feature `full` is not built: there are none.

use crate::object::{Insn, Object};
use crate::relocate::Fitted;

pub(super) fn write(_: &Object<'_>, _: &Fitted, _: &str, _: &mut [Insn]) -> bool {
    false
}
