//! The tools that are built in: for each its object, its options, and how its output looks.

mod data;
mod exec;
mod packed;
pub mod trace;

use std::sync::OnceLock;

use btfly::object::{Object, ObjectError};
#[cfg(feature = "full")]
use btfly::ring::Batch;
use btfly::value::Fields;
pub(crate) use data::options;
pub use data::{Data, Opt, Options};
pub use packed::Packed;

/// A tool.
pub struct Tool {
    pub name: &'static str,
    /// The name that people know it by elsewhere; its own where there is none.
    pub alias: &'static str,
    pub about: &'static str,
    /// Its object.
    pub object: Packed,
    pub work: Work,
}

/// How a tool works.
pub enum Work {
    /// By code of its own.
    Own(Own),
    /// As `run` does, by words that stand for others.
    Data(Data),
}

/// A tool's own code.
pub struct Own {
    pub options: Options,
    /// Sets in its object what the options mean that were given.
    pub prepare: fn(Given<'_>, Object<'static>, Types) -> Result<Prepared, Stop>,
}

/// The long name and the value of each option that was given.
pub type Given<'g> = &'g [(&'g str, &'g str)];

/// Whether the kernel's types are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Types {
    Known,
    Unknown,
}

/// A tool that is ready to be loaded.
pub struct Prepared {
    pub object: Object<'static>,
    /// Its programs that are only loaded where they are asked for, by `?` in their section.
    pub optional: Optional,
    pub view: Box<dyn View>,
}

/// What becomes of programs marked with `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optional {
    Load,
    Leave,
}

/// Why a tool is not run.
pub enum Stop {
    /// The options are wrong.
    Options(String),
    /// Its object is not what the tool takes it for.
    Object(ObjectError),
}

impl From<ObjectError> for Stop {
    fn from(error: ObjectError) -> Stop {
        Stop::Object(error)
    }
}

/// How the events of an object are shown. Text goes to the end of `out`.
pub trait View {
    /// What stands at the top. It is printed when everything is attached: whatever happens after
    /// it is seen.
    fn header(&mut self, out: &mut Vec<u8>);

    /// An event out of the ring of map `map`.
    fn event(&mut self, map: &str, cpu: u32, bytes: &[u8], out: &mut Vec<u8>);

    /// The names of all fields that events can have, in the order of a table's columns.
    #[cfg(feature = "full")]
    fn names(&self) -> Vec<String>;

    /// What an event is and says, field by field; `false` for one that is not to be shown.
    fn fields(&mut self, map: &str, bytes: &[u8], to: &mut Fields<'_>) -> bool;

    /// So many events found no room in a ring; people are told by others.
    fn lost(&mut self, _map: &str, _cpu: u32, _count: u64, _out: &mut Vec<u8>) {}

    /// Events follow that are read in one go.
    fn look(&mut self) {}

    /// Whether events are only counted: then `counted` is told of them, and `event` of none.
    #[cfg(feature = "full")]
    fn counts(&self) -> bool {
        false
    }

    /// What came from the ring of map `map`.
    #[cfg(feature = "full")]
    fn counted(&mut self, _map: &str, _batch: Batch) {}

    /// What was counted of each ring, so far.
    #[cfg(feature = "full")]
    fn totals(&self) -> &[Total] {
        &[]
    }

    /// What is said of the totals, now and then and when the last event was shown.
    #[cfg(feature = "full")]
    fn sum_up(&mut self, _out: &mut Vec<u8>) {}
}

/// What came from a ring in all.
#[cfg(feature = "full")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Total {
    pub map: String,
    pub events: u64,
    pub bytes: u64,
    /// Events that found no room.
    pub lost: u64,
}

#[cfg(feature = "full")]
impl Total {
    /// Its numbers by name.
    pub fn numbers(&self) -> [(&'static str, u64); 3] {
        [
            ("events", self.events),
            ("bytes", self.bytes),
            ("lost", self.lost),
        ]
    }
}

/// All tools, in the order in which they are listed.
pub fn all() -> &'static [Tool] {
    static ALL: OnceLock<Vec<Tool>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut tools = packed::Tools::new();
        let mut places = Vec::new();
        let mut all = vec![exec::TOOL];
        let mut next = || tools.as_mut()?.find(&|name| !name.is_empty());
        // They are packed in an order of their own.
        while let Some((place, tool)) = next() {
            let at = places.iter().filter(|other| **other < place).count();
            places.push(place);
            all.insert(1 + at, tool);
        }
        all
    })
}

/// The tool with this name or alias. Not by all of them, most of which need not be unpacked.
pub fn find(name: &str) -> Option<&'static Tool> {
    static EXEC: Tool = exec::TOOL;
    if name == EXEC.name || name == EXEC.alias {
        return Some(&EXEC);
    }
    let mut tools = packed::Tools::new()?;
    let (_, tool) = tools.find(&|other| other == name && !name.is_empty())?;
    Some(Box::leak(Box::new(tool)))
}
