//! The options that say where and how programs attach, which `run` and `load` share. They may stand anywhere
//! behind the command.

#[cfg(feature = "full")]
use std::num::NonZeroU32;

use btfly::attach::{Missing, Sample, Wishes};
use btfly::object::{Object, ObjectError};

use super::{Failure, taking};

/// What the help of these commands says of them.
#[cfg(not(feature = "full"))]
pub const HELP: &str = "
Where and how programs attach:
  --attach PROG=PLACE  attach a program there instead of where its section says: FUNCTION, or
                       CATEGORY/NAME of a tracepoint
  --sample WHEN        when perf_event programs run, on each CPU that is online: 99hz
  --skip-missing       pass over each program whose function or tracepoint is not there, and say so;
                       at least one must be attached
";

/// The same of a full build.
#[cfg(feature = "full")]
pub const HELP: &str = "
Where and how programs attach:
  --type PROG=SECTION  make a program what its section would make it if it were called so
  --attach PROG=PLACE  attach a program there instead of where its section says; a PLACE is what
                       stands behind the slash: do_exit for kprobe and fentry, CATEGORY/NAME for
                       tp, PATH:FUNCTION for uprobe, FUNCTION@id:N or FUNCTION@pinned:PATH for
                       freplace, task or bpf_map_elem:MAP for iter
  --iface NAME         the network interface of XDP programs
  --cgroup FOLDER      the cgroup (version 2) of programs for cgroups
  --sample WHEN        when perf_event programs run, on each CPU that is online: 99hz, or by what is
                       counted, COUNTER:N or COUNTER:Nhz, such as cycles:1000000, page-faults:1,
                       cpu-clock:NANOSECONDS
  --cookie PROG=N      the number that bpf_get_attach_cookie gives a program
  --pid PID            uprobes are those of this process; of all unless given
  --skip-missing       pass over each program whose function, tracepoint or file is not there, and
                       say so; at least one must be attached
";

/// The options, as they were given.
#[derive(Debug, Default)]
pub struct AttachOptions<'p> {
    #[cfg(feature = "full")]
    sections: Vec<(&'p str, &'p str)>,
    places: Vec<(&'p str, &'p str)>,
    #[cfg(feature = "full")]
    interface: Option<&'p str>,
    #[cfg(feature = "full")]
    cgroup: Option<&'p str>,
    wishes: Wishes,
}

impl<'p> AttachOptions<'p> {
    /// Takes these options out of `args`, up to a `--`.
    pub fn take(args: &[&'p str]) -> Result<(Vec<&'p str>, AttachOptions<'p>), Failure> {
        let mut options = AttachOptions::default();
        let kept = taking::take(args, &mut |given, rest| {
            let mut value = || given.value(rest);
            match given.name {
                #[cfg(feature = "full")]
                "--type" => options.sections.push(pair(given.name, value()?)?),
                "--attach" => options.places.push(pair(given.name, value()?)?),
                #[cfg(feature = "full")]
                "--iface" => options.interface = Some(value()?),
                #[cfg(feature = "full")]
                "--cgroup" => options.cgroup = Some(value()?),
                "--sample" => options.wishes.sample = Some(sample(value()?)?),
                #[cfg(feature = "full")]
                "--cookie" => options.wishes.cookies.push(cookie(value()?)?),
                #[cfg(feature = "full")]
                "--pid" => options.wishes.process = Some(process(value()?)?),
                "--skip-missing" => options.wishes.missing = Missing::Skip,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok((kept, options))
    }

    /// Tells the object.
    pub fn apply<'o>(&self, object: &mut Object<'o>) -> Result<(), Failure>
    where
        'p: 'o,
    {
        #[cfg(feature = "full")]
        for (program, section) in &self.sections {
            let told = object.set_section(program, section);
            told.map_err(|error| refused("--type", &error))?;
        }
        for (program, place) in &self.places {
            let told = object.retarget(program, place);
            told.map_err(|error| refused("--attach", &error))?;
        }
        #[cfg(feature = "full")]
        if let Some(name) = self.interface {
            let told = object.set_interface(name);
            told.map_err(|error| refused("--iface", &error))?;
        }
        #[cfg(feature = "full")]
        if let Some(folder) = self.cgroup {
            let told = object.set_cgroup(folder);
            told.map_err(|error| refused("--cgroup", &error))?;
        }
        #[cfg(feature = "full")]
        check_cookies(&self.wishes, object)?;
        Ok(())
    }

    /// What is asked for beside places.
    pub fn wishes(&self) -> &Wishes {
        &self.wishes
    }
}

/// Whether the programs that are named are there.
#[cfg(feature = "full")]
fn check_cookies(wishes: &Wishes, object: &Object<'_>) -> Result<(), Failure> {
    for (name, cookie) in &wishes.cookies {
        if !object.programs.iter().any(|p| p.name == name) {
            let known: Vec<&str> = object.programs.iter().map(|p| p.name).collect();
            let what = format!("--cookie {name}={cookie}: the object has no such program");
            return Err(
                Failure::usage(what).with_hint(format!("its programs are {}", known.join(", ")))
            );
        }
    }
    Ok(())
}

fn sample(text: &str) -> Result<Sample, Failure> {
    Sample::parse(text).map_err(|why| Failure::usage(format!("--sample {text}: {why}")))
}

#[cfg(feature = "full")]
fn cookie(text: &str) -> Result<(String, u64), Failure> {
    let parsed = text.split_once('=').and_then(|(program, number)| {
        let number = match number.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        Some((program.to_owned(), number))
    });
    parsed.ok_or_else(|| Failure::usage(format!("--cookie {text}: it is written PROG=NUMBER")))
}

#[cfg(feature = "full")]
fn process(text: &str) -> Result<NonZeroU32, Failure> {
    let number = text.parse().ok().filter(|pid| i32::try_from(*pid).is_ok());
    number
        .and_then(NonZeroU32::new)
        .ok_or_else(|| Failure::usage(format!("--pid {text}: it is no process number")))
}

fn pair<'p>(option: &str, text: &'p str) -> Result<(&'p str, &'p str), Failure> {
    let pair = text
        .split_once('=')
        .filter(|(program, _)| !program.is_empty());
    pair.ok_or_else(|| Failure::usage(format!("{option} {text}: it is written {option} PROGRAM=…")))
}

fn refused(option: &str, error: &ObjectError) -> Failure {
    let failure = Failure::usage(format!("{option}: {error}"));
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_taken_from_anywhere_and_the_rest_is_left() {
        let args = [
            "my.o",
            "--type=a=kprobe/x",
            "--attach",
            "b=c/d=e",
            "--prog",
            "a",
            "--iface",
            "lo",
            "--cookie",
            "a=7",
            "--cookie=b=0x10",
            "--sample=99hz",
            "--pid",
            "42",
            "--skip-missing",
            "--",
            "--iface",
        ];
        let (kept, options) = AttachOptions::take(&args).unwrap();
        assert_eq!(kept, ["my.o", "--prog", "a", "--", "--iface"]);
        assert_eq!(options.sections, [("a", "kprobe/x")]);
        assert_eq!(options.places, [("b", "c/d=e")]);
        assert_eq!((options.interface, options.cgroup), (Some("lo"), None));
        let wishes = options.wishes();
        let cookies = ["a", "b", "c"].map(|program| wishes.cookie(program));
        assert_eq!(cookies, [7, 16, 0]);
        assert_eq!(wishes.sample, Sample::parse("99hz").ok());
        assert_eq!(wishes.process.map(NonZeroU32::get), Some(42));
        assert_eq!(wishes.missing, Missing::Skip);
    }

    #[test]
    fn a_value_that_is_missing_or_names_no_program_is_refused() {
        for args in [
            &["--type"][..],
            &["--type", "kprobe/x"],
            &["--attach", "=x"],
            &["--iface"],
            &["--cookie", "a"],
            &["--cookie", "a=x"],
            &["--sample", "often"],
            &["--pid", "0"],
            &["--pid", "-1"],
            &["--pid", "4294967295"],
        ] {
            let error = AttachOptions::take(args).unwrap_err();
            assert_eq!(error.class(), super::super::Class::Usage, "{args:?}");
        }
    }
}
