//! In the place of `old`, where the feature `full` is not built: programs are loaded as they are.

use super::LoadError;
use crate::link::Linked;
use crate::object::{Object, Program};
use crate::target::Kernel;

pub(super) struct Old;

impl Old {
    pub fn new(_: &Object<'_>, _: &Kernel) -> Result<Old, Box<LoadError>> {
        Ok(Old)
    }

    pub fn adapt(
        &self,
        _: &Object<'_>,
        _: &Program<'_>,
        _: &mut Linked,
    ) -> Result<(), Box<LoadError>> {
        Ok(())
    }
}
