//! The tools that are built in: for each its object, its options, and how its output looks.

#[cfg(feature = "full")]
mod bio;
#[cfg(feature = "full")]
mod biolatency;
#[cfg(feature = "full")]
mod boot;
#[cfg(feature = "full")]
mod cachestat;
#[cfg(feature = "full")]
mod capable;
#[cfg(feature = "full")]
mod cpudist;
#[cfg(feature = "full")]
mod data;
mod exec;
#[cfg(feature = "full")]
mod exit;
#[cfg(feature = "full")]
mod filelife;
#[cfg(feature = "full")]
mod filetop;
#[cfg(feature = "full")]
mod fsslower;
#[cfg(feature = "full")]
mod funclatency;
#[cfg(feature = "full")]
mod hardirqs;
#[cfg(feature = "full")]
mod memleak;
#[cfg(feature = "full")]
mod mount;
#[cfg(feature = "full")]
mod offcpu;
#[cfg(feature = "full")]
mod oomkill;
#[cfg(feature = "full")]
mod open;
mod packed;
#[cfg(feature = "full")]
mod profile;
#[cfg(feature = "full")]
mod runqlat;
#[cfg(feature = "full")]
mod runqslower;
#[cfg(feature = "full")]
mod signal;
#[cfg(feature = "full")]
mod softirqs;
#[cfg(feature = "full")]
mod syscount;
#[cfg(feature = "full")]
mod tcpconnect;
#[cfg(feature = "full")]
mod tcplife;
#[cfg(feature = "full")]
mod tcprtt;
#[cfg(feature = "full")]
mod tcpstates;
#[cfg(feature = "full")]
pub mod trace;
#[cfg(feature = "full")]
mod vfsstat;

use argh::EarlyExit;
use btfly::object::{Object, ObjectError};
#[cfg(feature = "full")]
use btfly::ring::Batch;
#[cfg(feature = "full")]
use btfly::value::Fields;
#[cfg(feature = "full")]
pub(crate) use data::options;
#[cfg(feature = "full")]
pub use data::{Data, EACH, Options};
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
    #[cfg(feature = "full")]
    Data(Data),
}

/// A tool's own code.
pub struct Own {
    /// Options of its own that are called like one that every tool has.
    #[cfg(feature = "full")]
    pub options: &'static [&'static str],
    /// Reads its options, and sets what they mean in its object.
    pub prepare: fn(&[&str], Object<'static>, Types) -> Result<Prepared, Stop>,
}

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
    /// The options are wrong, or ask for help.
    Options(EarlyExit),
    /// Its object is not what the tool takes it for.
    Object(ObjectError),
}

impl From<ObjectError> for Stop {
    fn from(error: ObjectError) -> Stop {
        Stop::Object(error)
    }
}

impl From<EarlyExit> for Stop {
    fn from(exit: EarlyExit) -> Stop {
        Stop::Options(exit)
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
    #[cfg(feature = "full")]
    fn fields(&mut self, map: &str, bytes: &[u8], to: &mut Fields<'_>) -> bool;

    /// So many events found no room in a ring; people are told by others.
    #[cfg(feature = "full")]
    fn lost(&mut self, _map: &str, _cpu: u32, _count: u64, _out: &mut Vec<u8>) {}

    /// Events follow that are read in one go.
    #[cfg(feature = "full")]
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
pub const ALL: &[Tool] = &[
    exec::TOOL,
    #[cfg(feature = "full")]
    open::TOOL,
    #[cfg(feature = "full")]
    exit::TOOL,
    #[cfg(feature = "full")]
    signal::TOOL,
    #[cfg(feature = "full")]
    mount::TOOL,
    #[cfg(feature = "full")]
    syscount::TOOL,
    #[cfg(feature = "full")]
    tcpconnect::TOOL,
    #[cfg(feature = "full")]
    biolatency::TOOL,
    #[cfg(feature = "full")]
    runqlat::TOOL,
    #[cfg(feature = "full")]
    offcpu::TOOL,
    #[cfg(feature = "full")]
    profile::TOOL,
    #[cfg(feature = "full")]
    oomkill::TOOL,
    #[cfg(feature = "full")]
    capable::TOOL,
    #[cfg(feature = "full")]
    tcplife::TOOL,
    #[cfg(feature = "full")]
    tcpstates::TOOL,
    #[cfg(feature = "full")]
    tcprtt::TOOL,
    #[cfg(feature = "full")]
    bio::TOOL,
    #[cfg(feature = "full")]
    runqslower::TOOL,
    #[cfg(feature = "full")]
    cpudist::TOOL,
    #[cfg(feature = "full")]
    hardirqs::TOOL,
    #[cfg(feature = "full")]
    softirqs::TOOL,
    #[cfg(feature = "full")]
    cachestat::TOOL,
    #[cfg(feature = "full")]
    vfsstat::TOOL,
    #[cfg(feature = "full")]
    filetop::TOOL,
    #[cfg(feature = "full")]
    filelife::TOOL,
    #[cfg(feature = "full")]
    fsslower::TOOL,
    #[cfg(feature = "full")]
    funclatency::TOOL,
    #[cfg(feature = "full")]
    memleak::TOOL,
    #[cfg(feature = "full")]
    boot::TOOL,
];

/// The tool with this name or alias.
pub fn find(name: &str) -> Option<&'static Tool> {
    ALL.iter().find(|t| t.name == name || t.alias == name)
}
