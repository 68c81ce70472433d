//! Why an object could not be loaded, and what a person can do about it.

use rustix::io::Errno;
use thiserror::Error;

use super::verifier::Refusal;
use crate::boxed::boxed_from;
use crate::btf::BtfError;
use crate::link::LinkError;
use crate::object::ObjectError;
#[cfg(feature = "full")]
use crate::relocate::ExternError;
use crate::relocate::FitError;
#[cfg(feature = "full")]
use crate::sys::kallsyms;
use crate::sys::permission;
use crate::target::TargetError;

/// A load that failed.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The object asks for what is not known here.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The kernel's types can't be read.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// A program can't be put together.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The object's own types can't be read.
    #[error("the object's BTF: {0}")]
    Btf(#[from] BtfError),
    /// A relocation that has no answer.
    #[error(transparent)]
    Relocation(#[from] FitError),
    /// A program uses a field or type that this kernel lacks.
    #[error("program {program}: {place}: needs {what}, which {from} does not have")]
    Missing {
        /// The program.
        program: String,
        /// The function in it, the slot in that function, and the source line where it is known.
        place: String,
        /// The field, enumerator or type.
        what: String,
        /// Whose types were asked.
        from: String,
    },
    /// An extern that the kernel does not have as the object wants it.
    #[cfg(feature = "full")]
    #[error(transparent)]
    Extern(#[from] ExternError),
    /// An extern that is looked for in the kernel's own BTF, and there is none.
    #[cfg(feature = "full")]
    #[error("extern {0}: it is looked for in the kernel's own BTF, and this kernel has none")]
    ExternNeedsBtf(String),
    /// An extern whose address the kernel does not tell.
    #[cfg(feature = "full")]
    #[error("extern {0}: the kernel hides the addresses of its symbols")]
    SymbolsHidden(String),
    /// A program calls a kernel function that is not there.
    #[cfg(feature = "full")]
    #[error("program {program}: {place}: calls {function}(), which this kernel does not have")]
    MissingFunction {
        /// The program.
        program: String,
        /// The function in it, the slot in that function, and the source line where it is known.
        place: String,
        /// The function.
        function: String,
    },
    /// A value of the kernel's configuration that is not set.
    #[cfg(feature = "full")]
    #[error("extern {0}: the kernel's configuration does not set it")]
    ConfigNotSet(String),
    /// A value of the kernel's configuration, which is nowhere to be found.
    #[cfg(feature = "full")]
    #[error("extern {0}: the kernel's configuration is not known")]
    NoConfig(String),
    /// The kernel was told to relocate, and does not know how.
    #[error("this kernel does not relocate by itself, which those from 5.17 on do")]
    NoKernelRelocation,
    /// A program needs kernel types and there are none to be had.
    #[error("program {program}: needs the layout of {types}, and this kernel has no BTF")]
    NoKernelBtf {
        /// The program.
        program: String,
        /// The types, joined.
        types: String,
    },
    /// The verifier said no.
    #[error("program {program}: the verifier refused it: {refusal}")]
    Verifier {
        /// The program.
        program: String,
        /// What it said.
        refusal: Box<Refusal>,
    },
    /// The kernel refused a program without a word from the verifier.
    #[error("program {program}: the kernel refused it ({errno})")]
    Program {
        /// The program.
        program: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The kernel takes no program of so many instructions.
    #[cfg(feature = "full")]
    #[error("program {program}: its {insns} instructions are too many for the kernel (E2BIG)")]
    TooManyInsns {
        /// The program.
        program: String,
        /// With its subprograms.
        insns: usize,
    },
    /// The kernel knows no such programs.
    #[cfg(feature = "full")]
    #[error("program {program}: this kernel has no {kind} programs: {since}")]
    NoSuchKind {
        /// The program.
        program: String,
        /// Its kind, as its section calls it.
        kind: &'static str,
        /// Why it may not have them.
        since: String,
    },
    /// A map that could not be made as asked.
    #[error(transparent)]
    Maps(#[from] super::MapError),
    /// A map that could not be created.
    #[error("map {map}: the kernel could not create it ({errno})")]
    Map {
        /// The map.
        map: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A map that could not be filled or frozen.
    #[error("map {map}: the kernel did not take its contents ({errno})")]
    Contents {
        /// The map.
        map: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// A kernel configuration value that is not known here.
    #[cfg(not(feature = "full"))]
    #[error("the object wants the kernel configuration value {0}, which is not supported yet")]
    Kconfig(String),
    /// Something that the object asks for and this version does not do.
    #[error("{what} is not supported yet")]
    Unsupported {
        /// What.
        what: String,
    },
    /// A program that is for a place in the kernel, and does not say for which.
    #[cfg(feature = "full")]
    #[error("program {program}: its section {kind} names no {noun}")]
    NoPlace {
        /// The program.
        program: String,
        /// Its kind, as its section calls it.
        kind: &'static str,
        /// What is to be named.
        noun: &'static str,
    },
    /// The kernel's own BTF does not have what a program is for.
    #[cfg(feature = "full")]
    #[error("program {program}: this kernel's BTF has no {noun} `{place}`")]
    NoTarget {
        /// The program.
        program: String,
        /// What it is for.
        noun: &'static str,
        /// Its name.
        place: String,
    },
    /// A kind of program that is for places in the kernel's own BTF, and there is none.
    #[cfg(feature = "full")]
    #[error("program {program}: {kind} needs the kernel's own BTF, and this kernel has none")]
    NeedsOwnBtf {
        /// The program.
        program: String,
        /// Its kind, as its section calls it.
        kind: &'static str,
    },
    /// The program that another is for has no such function, or no BTF.
    #[cfg(feature = "full")]
    #[error("program {program}: the program that it is for has no function `{function}`")]
    NoSuchFunction {
        /// The program.
        program: String,
        /// The function.
        function: String,
    },
    /// The program that another is for can't be asked.
    #[cfg(feature = "full")]
    #[error("program {program}: the program that it is for can't be read ({errno})")]
    TargetProgram {
        /// The program.
        program: String,
        /// The kernel's answer.
        errno: Errno,
    },
    /// The BTF of a module can't be opened.
    #[cfg(feature = "full")]
    #[error("the BTF of a module can't be opened ({errno})")]
    ModuleBtf {
        /// The kernel's answer.
        errno: Errno,
    },
    /// The license holds a zero byte.
    #[error("the license of the object is not a string")]
    License,
    /// The kernel says that it is not allowed.
    #[error("{subject}: not permitted ({errno})")]
    Permission {
        /// What was to be made.
        subject: String,
        /// The kernel's answer.
        errno: Errno,
    },
}

boxed_from!(
    LoadError: ObjectError, TargetError, LinkError, BtfError, FitError,
    #[cfg(feature = "full")] ExternError,
    super::MapError,
);

impl LoadError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            LoadError::Permission { .. } => Some(permission::hint()),
            LoadError::NoKernelRelocation => Some("leave --relocate kernel out".into()),
            LoadError::NoKernelBtf { .. } => Some(no_btf_hint()),
            LoadError::Missing { .. } => Some(
                "the object was made for another kernel: guard the access with \
                 bpf_core_field_exists() or bpf_core_type_exists()"
                    .into(),
            ),
            LoadError::Verifier { refusal, .. } => Some(verifier_hint(refusal)),
            LoadError::Map { errno, .. } | LoadError::Program { errno, .. }
                if *errno == Errno::NOSYS =>
            {
                Some("this kernel was built without bpf(2): it needs CONFIG_BPF_SYSCALL".into())
            }
            LoadError::Map { errno, .. } if *errno == Errno::NOMEM => {
                Some("the board has not enough memory for its max_entries".into())
            }
            LoadError::Map { errno, .. } if *errno == Errno::INVAL => {
                Some("this kernel may not know the type or the flags of the map".into())
            }
            #[cfg(feature = "full")]
            LoadError::NoPlace {
                program,
                kind,
                noun,
            } if *noun == "program" => Some(format!(
                "{kind} replaces a function of a loaded program: --attach {program}=FUNCTION@id:N"
            )),
            #[cfg(feature = "full")]
            LoadError::NoPlace { program, noun, .. } => {
                let noun = noun.rsplit(' ').next().unwrap_or(noun).to_ascii_uppercase();
                Some(format!("--attach {program}={noun}"))
            }
            #[cfg(feature = "full")]
            LoadError::Extern(error) => super::externs::hint(error),
            #[cfg(feature = "full")]
            LoadError::ConfigNotSet(_) => Some("declared __weak, it is 0 then".into()),
            #[cfg(feature = "full")]
            LoadError::NoConfig(_) => Some(format!(
                "looked for {}: put it there",
                crate::target::Config::places().join(", ")
            )),
            #[cfg(feature = "full")]
            LoadError::SymbolsHidden(_) => Some(
                "run as root; where that is not enough: sysctl -w kernel.kptr_restrict=0".into(),
            ),
            #[cfg(feature = "full")]
            LoadError::MissingFunction { function, .. } => Some(format!(
                "the object was made for another kernel: guard the call with bpf_ksym_exists({function})"
            )),
            #[cfg(feature = "full")]
            LoadError::NoTarget { noun, place, .. } => Some(no_target_hint(noun, place)),
            #[cfg(feature = "full")]
            LoadError::NeedsOwnBtf { .. } | LoadError::ExternNeedsBtf(_) => Some(
                "the kernel must be built with CONFIG_DEBUG_INFO_BTF: --btf does not stand in for it"
                    .into(),
            ),
            LoadError::Maps(error) if error.is_permission() => Some(permission::hint()),
            LoadError::Maps(error) => error.hint(),
            #[cfg(feature = "full")]
            LoadError::TooManyInsns { .. } => Some(
                "kernels before 5.2 take no more than 4096, and later ones of users without CAP_BPF".into(),
            ),
            #[cfg(feature = "full")]
            LoadError::Program { errno, .. } if *errno == Errno::TOOBIG => Some(
                "it asks for something that this kernel is too old to know: compare its kind and flags \
                 with the kernel's version"
                    .into(),
            ),
            LoadError::Target(error) => error.hint().map(Into::into),
            LoadError::Object(error) => error.hint(),
            _ => None,
        }
    }

    /// Whether what a program is for is not there: without that program the object may still load.
    #[cfg(feature = "full")]
    pub fn is_absent_target(&self) -> bool {
        matches!(
            self,
            LoadError::NoTarget { .. } | LoadError::NeedsOwnBtf { .. }
        )
    }

    /// The verifier's log, or its end where it is long.
    pub fn log(&self) -> Option<&str> {
        match self {
            LoadError::Verifier { refusal, .. } => Some(&refusal.log.text),
            _ => None,
        }
    }

    /// Why the verifier refuses in plain words, and the source line that it stopped at.
    #[cfg(feature = "full")]
    pub fn why(&self) -> Option<String> {
        let LoadError::Verifier { refusal, .. } = self else {
            return None;
        };
        let words = super::verifier::words(&refusal.reason).map(|words| words.why);
        match (words, &refusal.source) {
            (Some(why), Some(source)) => Some([why, ", in: ", source].concat()),
            (Some(why), None) => Some(why.into()),
            (None, source) => source.as_ref().map(|s| ["it stopped in: ", s].concat()),
        }
    }
}

/// What may have become of a place that the kernel's BTF does not have.
#[cfg(feature = "full")]
fn no_target_hint(noun: &str, place: &str) -> String {
    match noun {
        "tracepoint" => "it is named without its category, as in /sys/kernel/tracing/events/*/; one of a              module is there while the module is"
            .into(),
        "LSM hook" => "hooks are named as in include/linux/lsm_hook_defs.h, and need CONFIG_BPF_LSM".into(),
        "iterator" => "it may be newer than this kernel, or belong to an option that is off".into(),
        _ => {
            let name = place.rsplit(':').next().unwrap_or(place);
            let symbols = kallsyms::find(name).unwrap_or_default();
            if symbols.exact > 0 {
                return "the function is there, but not described: kprobe may reach it".into();
            }
            match symbols.clones.is_empty() {
                true => "it may be inlined, in a module that is not loaded, or named otherwise: \
                         look in /proc/kallsyms"
                    .into(),
                false => ["the compiler made variants of it: ", &symbols.clones.join(", ")].concat(),
            }
        }
    }
}

/// What to try where the verifier refuses.
fn verifier_hint(refusal: &Refusal) -> String {
    const LOG: &str = "-v prints the verifier's whole log";
    #[cfg(feature = "full")]
    if let Some(words) = super::verifier::words(&refusal.reason) {
        return [words.hint, "; ", LOG].concat();
    }
    let _ = refusal;
    LOG.into()
}

/// How to get types for a kernel that has none.
fn no_btf_hint() -> String {
    let release = crate::sys::kernel::release();
    let unpacked = if cfg!(feature = "full") {
        ""
    } else {
        ", unpacked; the build made with cross/build --full takes it as it is"
    };
    format!(
        "give --btf FILE made for kernel {release}: from BTFHub ({release}.btf.tar.xz{unpacked}), \
         or by pahole -J --btf_encode_detached=FILE vmlinux"
    )
}
