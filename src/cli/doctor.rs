//! `btfly doctor`: what this board has of what objects need, above all which sources of types.

use btfly::sys::Feature;
use btfly::sys::tracefs::{Space, Tracefs};
use btfly::sys::{kernel, permission};
use btfly::target::{Found, Survey};
use rustix::io::{self, Errno};

use super::feature::{Probes, kprobes};
use super::{Class, Common, Failure, output, parse};

/// Say which sources of kernel types this board has, what else programs need, and what to do where
/// something is missing. Exits with 0 where objects with relocations can run, else with 3.
#[derive(argh::FromArgs)]
struct Doctor {}

/// What decides over what to do.
struct Findings {
    survey: Survey,
    /// What `--btf` names, where it was given.
    named: Option<Result<Found, String>>,
    /// Whether the kernel applies relocations itself.
    relocates: bool,
    bpf: io::Result<()>,
    perf: io::Result<()>,
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    if parse::<Doctor>("doctor", args)?.is_none() {
        return Ok(());
    }
    let named = common
        .btf()
        .map(|path| Found::named(path).map_err(|error| error.to_string()));
    let findings = Findings {
        relocates: common.kernel()?.features.has(Feature::CoreRelocations),
        survey: Survey::take(),
        named,
        bpf: permission::load_programs(),
        perf: permission::open_perf_events(),
    };
    let mut text = String::new();
    findings.rows(&mut |name, value| {
        text.push_str(name);
        text.extend(std::iter::repeat_n(' ', 14usize.saturating_sub(name.len())));
        text.push_str(&output::plain(value));
        text.push('\n');
    });
    let (healthy, advice) = findings.advice();
    text.extend(["\nWhat to do: ", &output::plain(&advice), "\n"]);
    output::print(&text)?;
    match healthy {
        true => Ok(()),
        false => Err(Failure::told(Class::Missing)),
    }
}

impl Findings {
    fn rows(&self, row: &mut dyn FnMut(&str, &str)) {
        let survey = &self.survey;
        row(
            "kernel",
            &[&*kernel::release(), ", ", &kernel::machine()].concat(),
        );
        if let Some(named) = &self.named {
            row("--btf", &named.as_ref().map_or_else(Clone::clone, describe));
        }
        row(
            "own types",
            &match &survey.own {
                Ok(Some(own)) => describe(own),
                Ok(None) => {
                    "none: /sys/kernel/btf/vmlinux is not there (CONFIG_DEBUG_INFO_BTF)".into()
                }
                Err(error) => error.to_string(),
            },
        );
        let modules = match survey.modules {
            None => "no BTF".into(),
            Some(0) => "none with BTF of its own".into(),
            Some(1) => "1 with BTF of its own".into(),
            Some(count) => [&*count.to_string(), " with BTF of their own"].concat(),
        };
        row("modules", &modules);
        if survey.installed.is_empty() {
            let places = survey.places.to_string();
            row(
                "vmlinux",
                &["in none of the ", &*places, " usual places"].concat(),
            );
        }
        for found in &survey.installed {
            let found = found.as_ref();
            row("vmlinux", &found.map_or_else(|e| e.to_string(), describe));
        }
        let (count, own) = survey.built_in;
        let built_in = match (count, own) {
            (0, _) => "no BTF".into(),
            (_, Some(own)) => [own, ", for the objects that it was made for"].concat(),
            (_, None) => [&*count.to_string(), " kernels, and not this one"].concat(),
        };
        row("built in", &built_in);
        row(
            "BTFHub's name",
            &[&*survey.names.join(" or "), " (.btf, .btf.tar.xz)"].concat(),
        );
        self.tracing(row);
        row(
            "bpf(2)",
            &permitted(self.bpf, "CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS"),
        );
        let relocation = match (self.relocates, self.bpf) {
            (true, _) => "by btfly, or by the kernel itself (--relocate)",
            (false, Ok(())) => "by btfly",
            (false, Err(_)) => "by btfly; whether the kernel can is not known",
        };
        row("relocation", relocation);
        row("perf events", &permitted(self.perf, "CONFIG_PERF_EVENTS"));
    }

    fn tracing(&self, row: &mut dyn FnMut(&str, &str)) {
        let tracefs = Tracefs::find();
        let formats = match &self.survey.tracefs {
            None => "tracefs is not mounted: their records are not known".into(),
            Some((root, Ok(()))) => ["records are described in ", root, "/events"].concat(),
            Some((root, Err(error))) => {
                [root, ": formats can't be read: ", &error.to_string()].concat()
            }
        };
        row("tracepoints", &formats);
        let readable = matches!(self.survey.tracefs, Some((_, Ok(()))));
        let calls = match tracefs.as_ref().map(|t| t.has_category("syscalls")) {
            Some(true) => "have tracepoints",
            Some(false) if readable => "have no tracepoints (CONFIG_FTRACE_SYSCALLS)",
            _ => "not known, as tracefs can't be read",
        };
        row("system calls", calls);
        let kprobes = match kprobes(Space::Kernel, tracefs.as_ref()) {
            Probes { perf: true, .. } => "by perf events",
            Probes { tracefs: true, .. } => "by tracefs",
            _ => "none (CONFIG_KPROBE_EVENTS)",
        };
        row("kprobes", kprobes);
    }

    /// Whether objects with relocations can run, and the one thing to do first.
    fn advice(&self) -> (bool, String) {
        match (self.bpf, self.perf) {
            (Err(Errno::PERM | Errno::ACCESS), _) | (Ok(()), Err(Errno::PERM | Errno::ACCESS)) => {
                return (false, permission::hint());
            }
            (Err(_), _) => {
                let configs = "CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS";
                return (false, ["build the kernel with ", configs].concat());
            }
            (_, Err(_)) => return (false, "build the kernel with CONFIG_PERF_EVENTS".into()),
            (Ok(()), Ok(())) => {}
        }
        let types = match &self.named {
            Some(named) => named.is_ok(),
            None => self.survey.types().is_some() || self.survey.built_in.1.is_some(),
        };
        if !types {
            let name = self.survey.names.first().map_or("", String::as_str);
            let parts = [
                "give --btf FILE with this kernel's types: ",
                name,
                ".btf.tar.xz of BTFHub, or what pahole -J --btf_encode_detached=FILE makes of \
                 its vmlinux. Until then, objects run that read no structs but the records of \
                 tracepoints and registers",
            ];
            return (false, parts.concat());
        }
        if self.survey.tracefs.is_none() {
            let mount = "mount -t tracefs tracefs /sys/kernel/tracing, for programs on tracepoints";
            return (true, mount.into());
        }
        (true, "nothing: objects with relocations can run".into())
    }
}

/// `/sys/kernel/btf/vmlinux: 4.9 MB, mapped`.
fn describe(found: &Found) -> String {
    let tenths = found.len.div_ceil(100_000);
    let size = match found.len {
        0..1_000_000 => [&*found.len.to_string(), " bytes"].concat(),
        _ => [
            &*(tenths / 10).to_string(),
            ".",
            &(tenths % 10).to_string(),
            " MB",
        ]
        .concat(),
    };
    let how = match found.mapped {
        true => ", mapped",
        false => ", read piece by piece",
    };
    [&*found.path, ": ", &size, how].concat()
}

/// `permitted`, or why not.
fn permitted(answer: io::Result<()>, config: &str) -> String {
    match answer {
        Ok(()) => "permitted".into(),
        Err(error @ (Errno::PERM | Errno::ACCESS)) => ["refused: ", &error.to_string()].concat(),
        Err(error) => ["not in this kernel (", config, "): ", &error.to_string()].concat(),
    }
}
