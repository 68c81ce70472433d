//! The options of `run` about maps that are shown while programs run.

use std::time::Duration;

use super::super::Failure;
use super::super::{common, taking};

/// What the help of tools says of them.
#[cfg(not(feature = "full"))]
pub const HELP: &str = "
Maps and variables while it runs:
  --show NAME, --hist NAME[.FIELD][:UNIT]
                       another map or variable, as a table or a histogram
  --interval TIME      print again and again: every so many seconds (or 500ms, 1m)
  --times N            end after so many of them
  --clear              print what was counted since the last time
  --top N, --rows N    the N largest entries, on a screen that is renewed or not
  --by FIELD           the number that these, and --folded, go by
  --folded             as folded stacks, for flame graphs
";

/// What the help of `run` says of them.
#[cfg(feature = "full")]
pub const HELP: &str = "
Maps and variables while it runs:
  --show NAME          print a map or a global variable at the end, or every --interval
  --hist NAME[.FIELD][:UNIT]
                       draw the histogram in a map or a global variable, one for each key: of FIELD,
                       else of its array of numbers (slots), else of numbers by slot; by powers of two
  --linear             each slot of --hist is one number
  --interval TIME      print again and again: every so many seconds (or 500ms, 1m)
  --times N            end after so many of them
  --clear              print what was counted since the last time. No count is lost: entries that
                       stand still are removed when the map is half full
  --top N              of the map of --show, the N largest entries, on a screen that is renewed
                       (every second, unless --interval says)
  --rows N             the N largest entries, and no screen
  --by FIELD           the number that rows, the largest first, and --folded go by; the first one that
                       counts unless given
  --stacks MAP         the map that stack ids refer to, where there are several; with it, a key that is
                       one number is a stack id
  --folded             print the map of --show as folded stacks, for flame graphs
";

/// The options, as they were given.
#[derive(Debug, Default)]
pub struct ShowOptions<'p> {
    pub shows: Vec<&'p str>,
    pub histograms: Vec<&'p str>,
    #[cfg(feature = "full")]
    pub linear: bool,
    pub interval: Option<Duration>,
    pub times: Option<u64>,
    pub clear: bool,
    pub top: Option<usize>,
    pub rows: Option<usize>,
    pub by: Option<&'p str>,
    #[cfg(feature = "full")]
    pub stacks: Option<&'p str>,
    pub folded: bool,
}

impl<'p> ShowOptions<'p> {
    /// Takes these options out of `args`, up to a `--`.
    pub fn take(args: &[&'p str]) -> Result<(Vec<&'p str>, ShowOptions<'p>), Failure> {
        let mut options = ShowOptions::default();
        let kept = taking::take(args, &mut |given, rest| {
            let mut value = || given.value(rest);
            match given.name {
                "--show" => options.shows.push(value()?),
                "--hist" => options.histograms.push(value()?),
                "--interval" => options.interval = Some(interval(value()?)?),
                "--times" => options.times = Some(times(value()?)?),
                "--top" => options.top = Some(rows(given.name, value()?)?),
                "--rows" => options.rows = Some(rows(given.name, value()?)?),
                "--by" => options.by = Some(value()?),
                #[cfg(feature = "full")]
                "--stacks" => options.stacks = Some(value()?),
                #[cfg(feature = "full")]
                "--linear" => options.linear = true,
                "--clear" => options.clear = true,
                "--folded" => options.folded = true,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        options.check()?;
        Ok((kept, options))
    }

    /// Whether nothing is shown.
    pub fn is_empty(&self) -> bool {
        self.shows.is_empty() && self.histograms.is_empty()
    }

    /// What is shown every --interval, where this is nothing: `other` says that it is something else.
    #[cfg(feature = "full")]
    pub fn interval_beside(&self, other: bool) -> Result<Option<Duration>, Failure> {
        match self.interval {
            Some(_) if self.is_empty() && !other => {
                let what = "--interval needs --show, --hist or --count-only";
                Err(Failure::usage(what).with_hint("btfly run --help lists the options"))
            }
            interval => Ok(interval.filter(|_| other)),
        }
    }

    /// Options that need another.
    fn check(&self) -> Result<(), Failure> {
        let shows = !self.shows.is_empty();
        for (given, there, what) in [
            #[cfg(feature = "full")]
            (
                self.linear,
                !self.histograms.is_empty(),
                "--linear needs --hist",
            ),
            (self.top.is_some(), shows, "--top needs --show"),
            (self.rows.is_some(), shows, "--rows needs --show"),
            (self.folded, shows, "--folded needs --show"),
            #[cfg(feature = "full")]
            (self.stacks.is_some(), shows, "--stacks needs --show"),
            (self.by.is_some(), shows, "--by needs --show"),
            (
                self.clear,
                self.interval.is_some() || self.top.is_some(),
                "--clear needs --interval or --top",
            ),
            (
                self.times.is_some(),
                self.interval.is_some() || self.top.is_some(),
                "--times needs --interval or --top",
            ),
        ] {
            if given && !there {
                return Err(Failure::usage(what).with_hint("btfly run --help lists the options"));
            }
        }
        let several = self.shows.len() + self.histograms.len() > 1;
        match several && (self.top.is_some() || self.folded) {
            true => Err(Failure::usage(
                "--top and --folded take one --show, and no --hist",
            )),
            false => Ok(()),
        }
    }
}

fn interval(text: &str) -> Result<Duration, Failure> {
    let time = common::time(text).ok_or_else(|| {
        Failure::usage(format!(
            "--interval: '{text}' is no time, such as 10 or 500ms"
        ))
    })?;
    match time.is_zero() {
        true => Err(Failure::usage("--interval 0 would never rest")
            .with_hint("the shortest is --interval 1ms")),
        false => Ok(time),
    }
}

fn times(text: &str) -> Result<u64, Failure> {
    let number = text.parse().ok().filter(|times| *times > 0);
    number.ok_or_else(|| Failure::usage(format!("--times {text}: it is a number from 1 on")))
}

fn rows(name: &str, text: &str) -> Result<usize, Failure> {
    match text.parse() {
        Ok(count @ 1..) => Ok(count),
        _ => Err(Failure::usage(format!(
            "{name} {text}: it takes a number of rows, from 1 on"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_and_the_rest_is_left() {
        let args = [
            "a.o",
            "--show",
            "m",
            "--interval=500ms",
            "--clear",
            "--",
            "--top",
        ];
        let (rest, options) = ShowOptions::take(&args).unwrap();
        assert_eq!(rest, ["a.o", "--", "--top"]);
        assert_eq!(options.shows, ["m"]);
        assert_eq!(options.interval, Some(Duration::from_millis(500)));
        assert!(options.clear && options.top.is_none());
    }

    #[test]
    fn an_option_without_the_one_that_it_belongs_to_is_refused() {
        for (args, words) in [
            (&["--show", "m", "--times", "3"][..], "--times needs"),
            (&["--hist", "m", "--top", "3"], "--top needs"),
            (&["--hist", "m", "--by", "n"], "--by needs"),
            (&["--show", "m", "--clear"], "--clear needs"),
            (&["--show", "m", "--interval", "0"], "never rest"),
            (&["--show", "m", "--times", "3"], "--times needs"),
            (
                &["--show", "m", "--interval", "1", "--times", "0"],
                "from 1 on",
            ),
            (&["--show", "m", "--top", "0"], "number of rows"),
            (&["--show", "m", "--show", "n", "--top", "1"], "take one"),
            (&["--show"], "needs a value"),
        ] {
            let reason = ShowOptions::take(args).unwrap_err().reason();
            assert!(reason.contains(words), "{args:?}: {reason}");
        }
    }

    #[cfg(feature = "full")]
    #[test]
    fn an_interval_is_of_what_is_shown_or_counted() {
        let second = Duration::from_secs(1);
        for (args, counts, expected) in [
            (&["--interval", "1"][..], false, None),
            (&["--interval", "1"], true, Some(Some(second))),
            (&["--interval", "1", "--show", "m"], false, Some(None)),
            (
                &["--interval", "1", "--show", "m"],
                true,
                Some(Some(second)),
            ),
            (&[], true, Some(None)),
        ] {
            let (_, options) = ShowOptions::take(args).unwrap();
            assert_eq!(
                options.interval_beside(counts).ok(),
                expected,
                "{args:?} {counts}"
            );
        }
    }
}
