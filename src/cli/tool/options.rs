//! The options of a described tool become values of globals, programs, and words of `run`.

use super::super::{Failure, common};
use crate::tools::{Data, Opt, Options, Types};

/// What a command line means.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// The option as it was written, a global, its value.
    pub sets: Vec<(String, &'static str, String)>,
    /// Programs that only an option loads, and whether one does.
    pub programs: Vec<(&'static str, bool)>,
    /// For `run`: those of the tool before those of the user.
    pub words: Vec<String>,
}

impl Given {
    /// Takes the tool's own options out of `args`, up to a `--`.
    pub fn read(data: &Data, types: Types, args: &[&str]) -> Result<Given, Failure> {
        let mut given = Given::default();
        let means = data.options.iter().flat_map(|o| o.means.split(' '));
        for program in means.filter_map(|word| word.strip_prefix('+')) {
            given.programs.push((program, false));
        }
        let without = data.without_types.split_ascii_whitespace();
        given
            .programs
            .extend(without.map(|program| (program, types == Types::Unknown)));
        let mut shows = data.shows;
        let mut own = Vec::new();
        let rest = take(data.options, args, &mut |option, name, value| {
            let mut words = option.means.split(' ');
            if words.any(|word| matches!(word, "--show" | "--hist")) {
                shows = "";
            }
            own.push((name, option.means, value));
        })?;
        given.add("", data.words, "");
        given.add("", shows, "");
        for (name, means, value) in own {
            given.add(name, means, value);
        }
        given.words.extend(rest.into_iter().map(Into::into));
        Ok(given)
    }

    /// Adds what arguments mean that are no options: `PLACE [INTERVAL [COUNT]]`, as far as the tool takes them.
    pub fn add_arguments(&mut self, data: &Data, arguments: &[String]) -> Result<(), Failure> {
        let mut arguments = arguments.iter().map(String::as_str);
        let user = std::mem::take(&mut self.words);
        if let Some((name, means)) = data.place {
            let missing = || Failure::usage(format!("the {name} is missing"));
            self.add(name, means, arguments.next().ok_or_else(missing)?);
        }
        if !data.interval.is_empty()
            && let Some(interval) = arguments.next()
        {
            if common::time(interval).is_none() {
                let what = format!("{interval}: it is no INTERVAL, such as 10 or 500ms");
                return Err(Failure::usage(what));
            }
            self.add("", data.interval, interval);
            if let Some(count) = arguments.next() {
                self.add("", "--times %", count);
            }
        }
        if let Some(word) = arguments.next() {
            return Err(Failure::usage(format!("{word}: no such argument")));
        }
        // What the user says explicitly comes last.
        self.words.extend(user);
        Ok(())
    }

    fn add(&mut self, written: &str, means: &'static str, value: &str) {
        for word in means.split_ascii_whitespace() {
            let words = word.replace('%', value);
            if let Some(name) = word.strip_prefix('+') {
                let programs = self.programs.iter_mut().filter(|(own, _)| *own == name);
                programs.for_each(|(_, asked)| *asked = true);
            } else if let Some((name, _)) = word.strip_prefix('$').and_then(|w| w.split_once('=')) {
                let value = words.get(name.len() + 2..).unwrap_or_default();
                self.sets.push((written.into(), name, value.into()));
            } else {
                self.words.push(words);
            }
        }
    }
}

/// Takes a tool's options out of `args`, up to a `--`: `each` hears of each, how its name was written, and its
/// value. What is left is returned.
pub fn take<'a>(
    options: Options,
    args: &[&'a str],
    each: &mut dyn FnMut(Opt, &'a str, &'a str),
) -> Result<Vec<&'a str>, Failure> {
    let mut left = Vec::new();
    let mut args = args.iter().copied();
    while let Some(arg) = args.next() {
        if arg == "--" {
            left.push(arg);
            left.extend(args);
            break;
        }
        let (name, inline) = match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value)),
            _ => (arg, None),
        };
        let mut options = options.iter();
        let Some(option) = options.find(|option| match name.strip_prefix("--") {
            Some(long) => long == option.long,
            None => name.strip_prefix('-') == Some(option.short) && !option.short.is_empty(),
        }) else {
            left.push(arg);
            continue;
        };
        let value = match (option.value.is_empty(), inline) {
            (false, Some(value)) => value,
            (false, None) => args
                .next()
                .ok_or_else(|| Failure::usage(format!("{name} needs a value")))?,
            (true, None) => "",
            (true, Some(_)) => return Err(Failure::usage(format!("{name} takes no value"))),
        };
        each(option, name, value);
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::options;

    const DATA: Data = Data {
        words: "--skip-missing",
        shows: "--hist hists:usecs",
        place: Some(("FUNCTION", "--attach entry=% --attach exit=%")),
        interval: "--interval % --clear",
        without_types: "born",
        options: options![
            opt("p", "pid", "PID", "only this process", "$target=%"),
            opt(
                "m",
                "milliseconds",
                "",
                "in milliseconds",
                "$ms=1 --hist hists:msecs",
            ),
            opt("", "min", "US", "only longer ones", "$min_ns=%us"),
            opt(
                "Q",
                "queued",
                "",
                "from the queue on",
                "+insert $queued=true",
            ),
        ],
    };

    fn given(args: &[&str]) -> Given {
        Given::read(&DATA, Types::Known, args).unwrap()
    }

    #[test]
    fn options_are_words_for_globals_programs_and_options_of_run() {
        let plain = given(&["--json", "f"]);
        assert_eq!(
            plain.words,
            ["--skip-missing", "--hist", "hists:usecs", "--json", "f"]
        );
        assert_eq!(
            (plain.sets.len(), &*plain.programs),
            (0, &[("insert", false), ("born", false)][..])
        );
        let more = given(&["-m", "--min=10", "-p", "7", "-Q", "--", "-m"]);
        assert_eq!(
            more.words,
            ["--skip-missing", "--hist", "hists:msecs", "--", "-m"]
        );
        let sets = [
            ("-m", "ms", "1"),
            ("--min", "min_ns", "10us"),
            ("-p", "target", "7"),
            ("-Q", "queued", "true"),
        ];
        let sets = sets.map(|(option, name, value)| (option.into(), name, value.into()));
        assert_eq!(more.sets, sets);
        assert_eq!(more.programs, [("insert", true), ("born", false)]);
        let without = Given::read(&DATA, Types::Unknown, &[]).unwrap();
        assert_eq!(without.programs, [("insert", false), ("born", true)]);
    }

    #[test]
    fn arguments_are_a_place_an_interval_and_a_count() {
        let arguments = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|w| (*w).into()).collect();
            let mut given = Given::default();
            let added = given.add_arguments(&DATA, &words);
            added
                .map(|()| given.words.join(" "))
                .map_err(|e| e.reason())
        };
        let place = "--attach entry=f --attach exit=f";
        assert_eq!(arguments(&["f"]).unwrap(), place);
        let all = format!("{place} --interval 1 --clear --times 10");
        assert_eq!(arguments(&["f", "1", "10"]).unwrap(), all);
        for (words, told) in [
            (&[][..], "the FUNCTION is missing"),
            (
                &["f", "soon"],
                "soon: it is no INTERVAL, such as 10 or 500ms",
            ),
            (&["f", "1", "2", "3"], "3: no such argument"),
        ] {
            assert_eq!(arguments(words).unwrap_err(), told);
        }
    }

    #[test]
    fn a_value_that_is_missing_or_too_much_is_refused() {
        for (args, told) in [
            (&["-p"][..], "-p needs a value"),
            (&["--milliseconds=3"], "--milliseconds takes no value"),
        ] {
            assert_eq!(
                Given::read(&DATA, Types::Known, args).unwrap_err().reason(),
                told
            );
        }
    }
}
