//! Options that every tool and `run` have. They may stand anywhere behind the command.

use std::time::Duration;

use btfly::load::Relocate;
use btfly::target::{BtfChoice, Kernel};

use super::{Failure, taking};

/// What the help of each command says of them.
pub const HELP: &str = "
Options of every tool and of run:
  --duration TIME   stop after so many seconds (or with a unit: 500ms, 10s, 5m)
  --btf PATH        take the kernel's types from this file of raw BTF or with a .BTF section; a full
                    build also takes a .btf.tar.xz, or a folder laid out like BTFHub
  --relocate WHO    own: btfly relocates; kernel: the kernel does (5.17 and later); auto
  -v, --verbose     print each relocation, and the verifier's log where it refuses
";

/// The options.
#[derive(Debug, Default)]
pub struct Common {
    pub duration: Option<Duration>,
    pub verbose: bool,
    /// Who relocates.
    pub relocate: Relocate,
    btf: Vec<String>,
    /// For tests: features that are to count as missing.
    without: Vec<String>,
    as_kernel: Option<(u32, u32)>,
}

impl Common {
    /// Takes the common options out of `args`, up to a `--`.
    pub fn take<'p>(args: &[&'p str]) -> Result<(Vec<&'p str>, Common), Failure> {
        let mut common = Common::default();
        let kept = taking::take(args, &mut |given, rest| {
            let mut value = || given.value(rest);
            match given.name {
                "-v" | "--verbose" => common.verbose = true,
                "--duration" => common.duration = Some(duration(value()?)?),
                "--btf" => common.btf.push(value()?.into()),
                "--relocate" => common.relocate = relocate(value()?)?,
                "--without" => common.without.extend(value()?.split(',').map(Into::into)),
                "--as-kernel" => common.as_kernel = Some(version(value()?)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((kept, common))
    }

    /// Where to take the kernel's types from, if that was said.
    #[cfg(feature = "full")]
    pub fn btf(&self) -> Option<&str> {
        self.btf.last().map(String::as_str)
    }

    /// Where to take the types of several kernels from.
    #[cfg(feature = "full")]
    pub fn btfs(&self) -> &[String] {
        &self.btf
    }

    /// The kernel as these options want it seen.
    pub fn kernel(&self) -> Result<Kernel, Failure> {
        let mut kernel = Kernel::running();
        for name in &self.without {
            if !kernel.features.hide(name) {
                return Err(Failure::usage(format!(
                    "--without: there is no feature '{name}'"
                )));
            }
        }
        if let Some((major, minor)) = self.as_kernel {
            kernel.features.as_kernel(major, minor);
        }
        if let Some(path) = self.btf.last() {
            kernel.btf = BtfChoice::File(path.clone());
        }
        Ok(kernel)
    }
}

fn relocate(text: &str) -> Result<Relocate, Failure> {
    match text {
        "auto" => Ok(Relocate::Auto),
        "own" => Ok(Relocate::Own),
        "kernel" => Ok(Relocate::Kernel),
        _ => Err(Failure::usage("--relocate takes own, kernel or auto")),
    }
}

fn duration(text: &str) -> Result<Duration, Failure> {
    time(text).ok_or_else(|| {
        Failure::usage(format!(
            "--duration: '{text}' is no time, such as 10 or 500ms"
        ))
    })
}

/// A time as people write it: seconds, or a number with `ms`, `s` or `m`.
pub fn time(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    match text.get(digits.len()..) {
        Some("ms") => Some(Duration::from_millis(number)),
        Some("" | "s") => Some(Duration::from_secs(number)),
        Some("m") => Some(Duration::from_secs(number.saturating_mul(60))),
        _ => None,
    }
}

fn version(text: &str) -> Result<(u32, u32), Failure> {
    let parts = text.split_once('.');
    let parts = parts.and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
    parts
        .ok_or_else(|| Failure::usage(format!("--as-kernel: '{text}' is no version, such as 4.19")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_options_are_taken_from_anywhere_and_the_rest_is_left() {
        let args = ["a", "--duration", "2s", "-x", "-v", "--btf=f", "--", "-v"];
        let (rest, common) = Common::take(&args).unwrap();
        assert_eq!(common.duration, Some(Duration::from_secs(2)));
        assert!(common.verbose);
        assert_eq!(common.btf, ["f"]);
        assert_eq!(rest, ["a", "-x", "--", "-v"]);
    }

    #[test]
    fn who_relocates_is_auto_or_as_told() {
        let relocate = |args: &[&'static str]| Common::take(args).unwrap().1.relocate;
        assert_eq!(relocate(&["a"]), Relocate::Auto);
        for (text, who) in [
            ("own", Relocate::Own),
            ("kernel", Relocate::Kernel),
            ("auto", Relocate::Auto),
        ] {
            assert_eq!(relocate(&["--relocate", text]), who);
        }
        assert!(Common::take(&["--relocate", "me"]).is_err());
    }

    #[test]
    fn times_have_units_and_nonsense_is_refused() {
        for (text, expected) in [
            ("3", Some(3000)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("x", None),
            ("", None),
            ("3h3", None),
            ("-1", None),
        ] {
            let found = duration(text).ok().map(|d| d.as_millis());
            assert_eq!(found, expected, "{text}");
        }
    }
}
