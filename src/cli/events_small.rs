//! The events of an object: a struct of its BTF, from each of its perf rings.

use btfly::btf::{Kind, TypeId};
use btfly::object::Object;
use btfly::sys::abi::BPF_MAP_TYPE_PERF_EVENT_ARRAY;
use btfly::value::{Fields, KindName, Plan};

use super::{Class, Failure};
use crate::tools::View;

/// What events are called in the objects of tools.
pub const EVENT: &str = "event";

/// The events of an object; `None` where it has no ring.
pub struct Events(Option<(KindName, Plan)>);

impl Events {
    /// Finds their type, which has this name.
    pub fn new(object: &Object<'_>, name: &str) -> Result<Events, Failure> {
        let mut rings = object.maps.iter();
        if !rings.any(|map| map.map_type == BPF_MAP_TYPE_PERF_EVENT_ARRAY) {
            return Ok(Events(None));
        }
        let failed = |why: String| Failure::new(Class::BadObject, ["its events: ", &why].concat());
        let btf = object.btf.as_ref();
        let found = btf.and_then(|btf| Some((btf, btf.find(Kind::Struct, name)?)));
        let (btf, ty): (_, TypeId) =
            found.ok_or_else(|| failed(["there is no struct ", name, " (--event)"].concat()))?;
        let plan = Plan::new(btf, ty).map_err(|error| failed(error.to_string()))?;
        Ok(Events(Some((KindName::new(name.into()), plan))))
    }
}

impl View for Events {
    fn header(&mut self, out: &mut Vec<u8>) {
        if let Some((_, plan)) = &self.0 {
            plan.header(out);
            out.push(b'\n');
        }
    }

    fn event(&mut self, _: &str, _: u32, bytes: &[u8], out: &mut Vec<u8>) {
        if let Some((_, plan)) = &self.0 {
            plan.row(bytes, out);
            out.push(b'\n');
        }
    }

    fn fields(&mut self, _: &str, bytes: &[u8], to: &mut Fields<'_>) -> bool {
        if let Some((name, plan)) = &self.0 {
            to.known_kind(name);
            to.record(plan, bytes);
        }
        self.0.is_some()
    }
}
