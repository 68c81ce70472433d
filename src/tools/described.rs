//! The tools that are described in words. This is read when the program is built: `build.rs` writes the words down
//! and packs them, and `packed.rs` reads them.

#[path = "bio.rs"]
mod bio;
#[path = "biolatency.rs"]
mod biolatency;
#[path = "boot.rs"]
mod boot;
#[path = "cachestat.rs"]
mod cachestat;
#[path = "capable.rs"]
mod capable;
#[path = "cpudist.rs"]
mod cpudist;
mod data;
#[path = "exit.rs"]
mod exit;
#[path = "filelife.rs"]
mod filelife;
#[path = "filetop.rs"]
mod filetop;
#[path = "fsslower.rs"]
mod fsslower;
#[path = "funclatency.rs"]
mod funclatency;
#[path = "hardirqs.rs"]
mod hardirqs;
#[path = "memleak.rs"]
mod memleak;
#[path = "mount.rs"]
mod mount;
#[path = "offcpu.rs"]
mod offcpu;
#[path = "oomkill.rs"]
mod oomkill;
#[path = "open.rs"]
mod open;
#[path = "profile.rs"]
mod profile;
#[path = "runqlat.rs"]
mod runqlat;
#[path = "runqslower.rs"]
mod runqslower;
#[path = "signal.rs"]
mod signal;
#[path = "softirqs.rs"]
mod softirqs;
#[path = "syscount.rs"]
mod syscount;
#[path = "tcpconnect.rs"]
mod tcpconnect;
#[path = "tcplife.rs"]
mod tcplife;
#[path = "tcprtt.rs"]
mod tcprtt;
#[path = "tcpstates.rs"]
mod tcpstates;
#[path = "vfsstat.rs"]
mod vfsstat;

pub(crate) use data::options;
pub use data::{Data, Options};

/// What was counted in each interval is shown.
pub const EACH: &str = "--interval % --clear";

/// A tool.
pub struct Tool {
    pub name: &'static str,
    /// The name that people know it by elsewhere; its own where there is none.
    pub alias: &'static str,
    pub about: &'static str,
    /// The name of its object.
    pub object: &'static str,
    pub work: Work,
}

/// How a tool works.
pub enum Work {
    /// As `run` does, by words that stand for others.
    Data(Data),
}

mod packed {
    /// An object by its name.
    macro_rules! packed {
        ($name:literal) => {
            $name
        };
    }
    pub(super) use packed;
}

/// All of them, in the order in which they are listed.
pub const ALL: &[Tool] = &[
    open::TOOL,
    exit::TOOL,
    signal::TOOL,
    mount::TOOL,
    syscount::TOOL,
    tcpconnect::TOOL,
    biolatency::TOOL,
    runqlat::TOOL,
    offcpu::TOOL,
    profile::TOOL,
    oomkill::TOOL,
    capable::TOOL,
    tcplife::TOOL,
    tcpstates::TOOL,
    tcprtt::TOOL,
    bio::TOOL,
    runqslower::TOOL,
    cpudist::TOOL,
    hardirqs::TOOL,
    softirqs::TOOL,
    cachestat::TOOL,
    vfsstat::TOOL,
    filetop::TOOL,
    filelife::TOOL,
    fsslower::TOOL,
    funclatency::TOOL,
    memleak::TOOL,
    boot::TOOL,
];

impl Tool {
    /// Everything about it but its object: text without a zero byte, each ended by one. The last are those of its
    /// options.
    pub fn words(&self) -> String {
        let Work::Data(data) = &self.work;
        let (place, means) = data.place.unwrap_or_default();
        let parts = [
            self.name,
            self.alias,
            self.about,
            data.words,
            data.shows,
            place,
            means,
            data.interval,
            data.without_types,
        ];
        [&parts.join("\0"), "\0", data.options.0].concat()
    }
}
