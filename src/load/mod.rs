//! From an object to programs in the kernel: relocate, create maps, load BTF and programs.
//!
//! The order is that of [`load`]. Nothing is probed that works at the first try; where the kernel
//! refuses, the room decides by feature what to leave out.

mod attach;
mod btf;
#[cfg(feature = "full")]
mod config;
#[cfg(feature = "full")]
mod contexts;
mod error;
#[cfg(feature = "full")]
mod externs;
#[cfg(feature = "full")]
mod failures;
#[cfg(feature = "full")]
mod globals;
mod kconfig;
mod map;
#[cfg(feature = "full")]
mod named;
#[cfg(not(feature = "full"))]
mod no_config;
#[cfg_attr(not(feature = "full"), path = "no_old.rs")]
mod old;
mod old_helpers;
mod pins;
mod program;
#[cfg(feature = "full")]
mod program_externs;
mod relocations;
#[cfg(feature = "full")]
mod since;
#[cfg(feature = "full")]
mod struct_ops;
#[cfg(feature = "full")]
mod targets;
mod verifier;

pub use attach::Attached;
pub use btf::load_types;
pub use error::LoadError;
#[cfg(feature = "full")]
pub use globals::{GlobalError, GlobalRef};
pub use map::{DEFAULT_FOLDER, MapChoice, MapError, MapSource};
pub use map::{
    Entries, EntriesError, LoadedMap, for_each_entry, is_per_cpu, is_walkable, kernel_name,
};
pub use pins::{PinError, Removed, unpin};
use program::Asking;
pub use program::LoadedProgram;
pub use verifier::{KeepLog, Refusal, VerifierLog};

#[cfg(feature = "full")]
use crate::attach::Missing;
use crate::object::{Hook, Object, Program};
use crate::relocate::{Choose, RelocationReport};
use crate::sys::{Feature, Features, rlimit};
use crate::target::Kernel;

/// What was loaded, in the object's order. Dropping it unloads everything, but for maps that are pinned
/// by name where `Loaded::keep_pins` was called.
#[derive(Debug)]
pub struct Loaded<'a> {
    /// The maps, in the order of [`Object::maps`].
    pub maps: Vec<LoadedMap>,
    /// The programs that were chosen.
    pub programs: Vec<LoadedProgram<'a>>,
    /// What was left out, and why: the object's BTF where the kernel does not take it, kernel
    /// configuration that is not known here.
    pub notes: Vec<String>,
    /// Why programs were passed over whose targets are not there, where [`Options::missing`] allows it.
    #[cfg(feature = "full")]
    pub absent: Vec<LoadError>,
    /// Its variables, as large as they are now.
    #[cfg(feature = "full")]
    globals: Vec<crate::object::Global<'a>>,
    /// What BPF rings had no room for, where that is counted.
    #[cfg(feature = "full")]
    failures: Option<failures::Failures>,
}

/// What to load, and who hears of it.
pub struct Options<'o> {
    /// Whether a program is to be loaded.
    pub choose: &'o dyn Fn(&Program<'_>) -> bool,
    /// Hears one line per decision.
    pub report: Option<&'o mut dyn FnMut(RelocationReport<'_>)>,
    /// Who relocates.
    pub relocate: Relocate,
    /// What the object is called: its file's name up to the first dot. The maps of its data sections are
    /// named after it.
    pub name: &'o str,
    /// What is asked of single maps beside their definitions.
    pub maps: &'o [MapChoice<'o>],
    /// The folder in which maps are pinned that ask to be pinned by name.
    pub pin_folder: &'o str,
    /// What to do about a program whose target is not in the kernel's BTF.
    #[cfg(feature = "full")]
    pub missing: Missing,
    /// Whether programs count the records that a BPF ring has no room for, of which the kernel keeps no
    /// count: a few instructions are put behind each call that may fail, [`crate::link::count_failures`]. A program
    /// that the kernel refuses with them is loaded without.
    #[cfg(feature = "full")]
    pub count_failures: bool,
    /// How much of the verifier's log is kept where it refuses.
    pub log: KeepLog,
}

/// Who applies an object's CO-RE relocations. The instructions are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Relocate {
    /// Whoever is quicker; this library where the kernel does not do it, refuses the outcome or hides
    /// its types, and where other types are to be taken than the kernel's own, or somebody hears the
    /// report.
    #[default]
    Auto,
    /// This library.
    Own,
    /// The kernel, from 5.17 on, from its own types, whatever else was asked for.
    Kernel,
}

impl Default for Options<'_> {
    /// Every program that does not say otherwise by `?`.
    fn default() -> Self {
        Options {
            choose: &|program| program.autoload,
            report: None,
            relocate: Relocate::Auto,
            name: "",
            maps: &[],
            pin_folder: DEFAULT_FOLDER,
            #[cfg(feature = "full")]
            missing: Missing::Fail,
            #[cfg(feature = "full")]
            count_failures: false,
            log: KeepLog::End,
        }
    }
}

/// Loads the chosen programs of an object, and its maps.
///
/// # Errors
/// [`LoadError`]; nothing stays in the kernel then.
pub fn load<'a>(
    object: &Object<'a>,
    kernel: &Kernel,
    mut options: Options<'_>,
) -> Result<Loaded<'a>, Box<LoadError>> {
    check_support(object, options.choose)?;
    let memlock = Memlock::new(&kernel.features);
    let mut relocated = relocations::choose(object, kernel, &mut options)?;
    let btf = btf::load(object, kernel, &memlock)?;
    let btf::Loaded {
        fd: btf,
        refusal,
        #[cfg(feature = "full")]
        retyped,
    } = btf;
    let mut notes: Vec<String> = refusal
        .map(|why| ["the kernel did not take the object's BTF: ", &why].concat())
        .into_iter()
        .collect();
    notes.extend(kconfig::unknown(object));
    let making = map::Making {
        object,
        btf: btf.as_ref(),
        memlock: &memlock,
        kernel,
        name: options.name,
        choices: options.maps,
        pin_folder: options.pin_folder,
        #[cfg(feature = "full")]
        named: &relocated.named,
    };
    let maps = making.all()?;
    let old = old::Old::new(object, kernel)?;
    #[cfg(feature = "full")]
    let counters = match options.count_failures {
        true => failures::Counters::new(object, &memlock),
        false => None,
    };
    let choose = options.choose;
    #[cfg(feature = "full")]
    let (missing, absent) = (options.missing, std::cell::RefCell::new(Vec::new()));
    let keep = options.log;
    // What is loaded, and the function of the first program that is not.
    let programs = |relocated: &relocations::Relocated, asking: Asking| {
        let loader = program::Loader::new(object, relocated, &old, btf.as_ref(), &maps, &memlock);
        let loader = loader.map_err(|error| (error, 0))?.asking(asking, keep);
        #[cfg(feature = "full")]
        let loader = loader.retyping(&retyped);
        #[cfg(feature = "full")]
        let loader = loader.counting(counters.as_ref());
        #[cfg(feature = "full")]
        absent.take();
        let mut loaded = Vec::with_capacity(object.programs.len());
        let chosen = object.programs.iter().filter(|p| choose(p));
        #[cfg(feature = "full")]
        let chosen = chosen.filter(|p| !relocated.named.tables.leaves_out(p));
        for program in chosen {
            match loader.load(program) {
                Ok(program) => loaded.push(program),
                #[cfg(feature = "full")]
                Err(error) if error.is_absent_target() && missing == Missing::Skip => {
                    absent.borrow_mut().push(*error);
                }
                Err(error) => return Err((error, program.function)),
            }
        }
        Ok(loaded)
    };
    let again = relocated.by_kernel && options.relocate == Relocate::Auto;
    let mut loaded = match again {
        true => programs(&relocated, Asking::Never),
        false => programs(&relocated, Asking::WhereRefused),
    };
    if let Err((_, function)) = loaded
        && again
    {
        // A kernel that knows fewer kinds of relocations, or a program that it refuses: why is
        // better told with what was relocated to what.
        relocated = relocations::apply(object, kernel, &mut options)?;
        loaded = programs(&relocated, Asking::Of(function));
    }
    let loaded = loaded.map_err(|(error, _)| error);
    // A kernel that does not know of relocations answers that a call has too much in it.
    let programs = loaded.map_err(|error| match *error {
        LoadError::Program { .. }
            if relocated.by_kernel && !kernel.features.has(Feature::CoreRelocations) =>
        {
            LoadError::NoKernelRelocation.into()
        }
        _ => error,
    })?;
    #[cfg(feature = "full")]
    let mut absent = absent.take();
    #[cfg(feature = "full")]
    if programs.is_empty() && !absent.is_empty() {
        return Err(absent.swap_remove(0).into());
    }
    #[cfg(feature = "full")]
    notes.extend(map::fill_programs(object, &maps, &programs)?);
    #[cfg(feature = "full")]
    let failures = counters.map(|counters| {
        let (failures, note) = counters.done();
        notes.extend(note);
        failures
    });
    Ok(Loaded {
        #[cfg(feature = "full")]
        failures,
        #[cfg(feature = "full")]
        globals: map::globals(object, options.maps),
        maps,
        programs,
        notes,
        #[cfg(feature = "full")]
        absent,
    })
}

/// Refuses what is described in the object and not done here, before the kernel sees any of it.
fn check_support(object: &Object<'_>, choose: Choose<'_>) -> Result<(), Box<LoadError>> {
    for program in object.programs.iter().filter(|p| choose(p)) {
        if program.hook == Hook::Unknown {
            return Err(LoadError::Object(program.unknown_section()).into());
        }
    }
    Ok(())
}

impl<'a> Object<'a> {
    /// Loads every program of this object that does not say otherwise, and its maps.
    ///
    /// # Errors
    /// [`LoadError`]; nothing stays in the kernel then.
    pub fn load(&self, kernel: &Kernel) -> Result<Loaded<'a>, Box<LoadError>> {
        load(self, kernel, Options::default())
    }
}

impl Loaded<'_> {
    /// The map with this name.
    pub fn map(&self, name: &str) -> Option<&LoadedMap> {
        self.maps.iter().find(|m| m.name == name)
    }

    /// How many records programs could not put into the BPF ring of a map, given by its index: exact when
    /// no program runs any more. `None` where that is not counted ([`Options::count_failures`]). Programs of
    /// others that use the same ring don't count.
    #[cfg(feature = "full")]
    pub fn ring_failures(&self, map: usize) -> Option<u64> {
        let of = self.maps.get(map)?;
        let is_ring = of.map_type == crate::sys::abi::BPF_MAP_TYPE_RINGBUF;
        let failures = self.failures.as_ref().filter(|_| is_ring)?;
        Some(failures.of(map))
    }

    /// How many records programs could not put into BPF rings that they came by at run time: from a map of
    /// maps, or as an argument of a function.
    #[cfg(feature = "full")]
    pub fn other_ring_failures(&self) -> u64 {
        self.failures
            .as_ref()
            .map_or(0, failures::Failures::unknown)
    }

    /// Leaves maps pinned that asked to be pinned by name. Until this is called, the pins that this load made
    /// go with it: whoever can't go on leaves nothing behind. Maps that were pinned before stay so.
    pub fn keep_pins(&self) {
        self.maps.iter().for_each(LoadedMap::keep_pin);
    }
}

/// The limit on locked memory, raised once and only where a kernel before 5.11 needs it.
pub(crate) struct Memlock<'f> {
    features: &'f Features,
    raised: std::cell::Cell<bool>,
}

impl<'f> Memlock<'f> {
    pub(crate) fn new(features: &'f Features) -> Memlock<'f> {
        Memlock {
            features,
            raised: std::cell::Cell::new(false),
        }
    }

    /// Does `call`, and once more with the limit raised where the first answer was EPERM and memory
    /// is charged to the limit.
    pub(crate) fn retry<T>(
        &self,
        mut call: impl FnMut() -> rustix::io::Result<T>,
    ) -> rustix::io::Result<T> {
        let first = call();
        let refused = matches!(first, Err(rustix::io::Errno::PERM));
        if !refused || self.raised.get() || self.features.has(Feature::MemcgAccounting) {
            return first;
        }
        self.raised.set(true);
        match rlimit::raise_memlock() {
            Ok(()) => call(),
            Err(_) => first,
        }
    }
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;

    /// Why an object is not loaded, before any system call.
    fn refusal(object: &[u8], choose: Choose<'_>) -> Option<String> {
        let object = Object::parse(object).unwrap();
        let refused = check_support(&object, choose).err()?;
        Some(refused.to_string())
    }

    #[test]
    fn what_can_be_described_and_not_loaded_is_refused_by_name() {
        let externs = include_bytes!("../../prebuilt/arm64/tests/externs.bpf.o");
        let filled = include_bytes!("../../prebuilt/arm64/tests/filled_maps.bpf.o");
        let unknown = include_bytes!("../../prebuilt/arm64/tests/unknown_section.bpf.o");
        let hello = include_bytes!("../../prebuilt/arm64/hello.bpf.o");
        let auto = &|program: &Program<'_>| program.autoload;
        let asked = &|program: &Program<'_>| !program.autoload;
        for (object, choose, told) in [
            (&externs[..], auto as Choose<'_>, None),
            (externs, asked, None),
            (filled, auto, None),
            (
                unknown,
                auto,
                Some("program never: section 'no_such_kind/x' is not known"),
            ),
            (unknown, asked, None),
            (hello, auto, None),
        ] {
            assert_eq!(refusal(object, choose).as_deref(), told);
        }
    }
}
