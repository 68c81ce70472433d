//! The options that say in which form events are shown and where they go, which `run` and every tool have.
//! They may stand anywhere behind the command.

use btfly::object::Object;
use btfly::sys::abi::BPF_MAP_TYPE_RINGBUF;
#[cfg(feature = "full")]
use btfly::sys::file;
#[cfg(feature = "full")]
use rustix::io::Errno;

use super::format::{Format, Formatted};
#[cfg(feature = "full")]
use super::log_file::{LogFile, Rotation};
use super::sink::Sink;
use super::{Failure, taking};
use crate::tools::View;

/// What the help of these commands says of them.
#[cfg(not(feature = "full"))]
pub const HELP: &str = "
How events are shown:
  --json               one object per line: time, cpu, map, type, and the fields; so are losses
  --timestamp          begin each event with the time (UTC); JSON always has it
";

/// The same of a full build.
#[cfg(feature = "full")]
pub const HELP: &str = "
How events are shown, and where they go:
  --json               one object per line: time, cpu, map, type, and the fields; so are losses
  --csv                one table: time, cpu, map, type, and the fields of all types
  --tree               each event over several lines, as in C
  --timestamp          begin each event with the time (UTC); JSON and CSV always have it
  --output FILE        write into a file, in the place of one that is there
  --rotate SIZE:N      when FILE has so many bytes (1M, 64K) it becomes FILE.1, FILE.1 becomes FILE.2,
                       up to FILE.N, and FILE is begun anew; one that is there before is moved so, too
";

/// The options, as they were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputOptions {
    pub format: Format,
    pub timestamp: bool,
    #[cfg(feature = "full")]
    file: Option<String>,
    #[cfg(feature = "full")]
    rotation: Option<Rotation>,
}

impl OutputOptions {
    /// Takes these options out of `args`, up to a `--`, but for those in `kept`: the command has its own.
    pub fn take<'p>(
        args: &[&'p str],
        own: &[&str],
    ) -> Result<(Vec<&'p str>, OutputOptions), Failure> {
        let mut options = OutputOptions::default();
        let mut formats = Vec::new();
        let kept = taking::take(args, &mut |given, rest| {
            #[cfg(not(feature = "full"))]
            let _ = rest;
            #[cfg(feature = "full")]
            let mut value = || match given.value(rest)? {
                "" => Err(Failure::usage([given.name, " needs a value"].concat())),
                value => Ok(value),
            };
            match given.name {
                _ if own.contains(&given.name) => return Ok(false),
                #[cfg(feature = "full")]
                "--output" => options.file = Some(value()?.to_owned()),
                #[cfg(feature = "full")]
                "--rotate" => options.rotation = Some(rotation(value()?)?),
                _ if !given.is_plain() => return Ok(false),
                "--json" => formats.push((given.name, Format::Json)),
                #[cfg(feature = "full")]
                "--csv" => formats.push((given.name, Format::Csv)),
                #[cfg(feature = "full")]
                "--tree" => formats.push((given.name, Format::Tree)),
                "--timestamp" => options.timestamp = true,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        #[cfg(feature = "full")]
        if let [(first, _), rest @ ..] = formats.as_slice()
            && let Some((other, _)) = rest.iter().find(|(name, _)| name != first)
        {
            return Err(
                Failure::usage(format!("{first} and {other}: events have one form"))
                    .with_hint("give one of them"),
            );
        }
        options.format = formats.first().map_or(Format::Text, |(_, format)| *format);
        #[cfg(feature = "full")]
        if options.rotation.is_some() && options.file.is_none() {
            return Err(Failure::usage("--rotate: no file to rotate")
                .with_hint("--output FILE says where the output goes"));
        }
        Ok((kept, options))
    }

    /// The view in the form asked for; back as it was where it has that form.
    pub fn formatted<'v>(
        &self,
        view: &'v mut dyn View,
        object: &Object<'_>,
    ) -> Result<Formatted<'v>, &'v mut dyn View> {
        if self.format == Format::Text && !self.timestamp {
            return Err(view);
        }
        // A BPF ring buffer is one for all CPUs.
        let shared = object.maps.iter();
        let shared = shared.filter(|map| map.map_type == BPF_MAP_TYPE_RINGBUF);
        let without_cpu = shared.map(|map| map.name.to_owned()).collect();
        Ok(Formatted::new(view, self, without_cpu))
    }

    /// Opens what output goes to.
    #[cfg(not(feature = "full"))]
    pub fn sink(&self) -> Result<Sink, Failure> {
        Ok(Sink)
    }

    /// Opens what output goes to.
    #[cfg(feature = "full")]
    pub fn sink(&self) -> Result<Sink, Failure> {
        let notice = self.format.notice();
        let Some(path) = &self.file else {
            return Ok(Sink::output(notice));
        };
        let failed =
            |error: Errno| Failure::other(format!("--output {path}: it can't be written: {error}"));
        if let Some(rotation) = self.rotation
            && std::fs::metadata(path).is_ok_and(|there| there.is_file() && there.len() > 0)
        {
            LogFile::make_way(path, rotation).map_err(failed)?;
        }
        let opened = file::open_output(path).map_err(failed)?;
        if file::is_plain(&opened).map_err(failed)? {
            let log = LogFile::new(path.clone(), opened, self.rotation);
            return Ok(Sink::file(log, notice));
        }
        match self.rotation {
            None => Ok(Sink::stream(opened, notice)),
            Some(_) => Err(Failure::usage(format!(
                "--rotate: {path} is no plain file, and can't be rotated"
            ))
            .with_hint("leave --rotate out")),
        }
    }
}

/// `1M:3`: bytes, and how many older files are kept.
#[cfg(feature = "full")]
fn rotation(text: &str) -> Result<Rotation, Failure> {
    let bad = || {
        Failure::usage(format!("--rotate {text}: it is written SIZE:N"))
            .with_hint("--rotate 1M:3 keeps FILE of at most a megabyte, and FILE.1 to FILE.3")
    };
    let (size, older) = text.split_once(':').ok_or_else(bad)?;
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match size.get(digits.len()..).unwrap_or_default() {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return Err(bad()),
    };
    let number: u64 = digits.parse().map_err(|_| bad())?;
    let size = number.checked_mul(unit).filter(|size| *size > 0);
    let older = older.parse().ok().filter(|older| *older <= 9999);
    match (size, older) {
        (Some(size), Some(older)) => Ok(Rotation { size, older }),
        _ => Err(bad()),
    }
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_nonsense_is_refused() {
        for (text, expected) in [
            ("1M:3", Some((1 << 20, 3))),
            ("64k:0", Some((65536, 0))),
            ("100:1", Some((100, 1))),
            ("2G:9999", Some((2 << 30, 9999))),
            ("1M", None),
            ("1M:", None),
            (":3", None),
            ("0:3", None),
            ("1X:3", None),
            ("1M:-1", None),
            ("1M:10000", None),
            ("99999999999G:1", None),
        ] {
            let found = rotation(text).ok().map(|r| (r.size, r.older));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn options_are_taken_from_anywhere_and_contradictions_refused() {
        let take = |args: &[&'static str]| OutputOptions::take(args, &["--timestamp"]);
        let (kept, options) =
            take(&["a", "--json", "--timestamp", "--output=f", "--", "--csv"]).unwrap();
        assert_eq!(kept, ["a", "--timestamp", "--", "--csv"]);
        assert_eq!(options.format, Format::Json);
        assert_eq!(options.file.as_deref(), Some("f"));
        assert!(!options.timestamp);
        for wrong in [
            &["--json", "--csv"][..],
            &["--rotate", "1M:1"],
            &["--output"],
            &["--output="],
            &["--output", "f", "--rotate", "1M"],
        ] {
            assert!(take(wrong).is_err(), "{wrong:?}");
        }
        assert!(take(&["--json", "--json"]).is_ok());
    }
}
