//! What a tool is that has no code: an object, the words of `btfly run` that go with it, and options of its own,
//! which are other words for those and for the object's global variables.

/// A tool in words.
pub struct Data {
    /// Words of `run` that come before those of the user.
    pub words: &'static str,
    /// The same about what is shown: left away where an option of the tool says what is shown.
    pub shows: &'static str,
    /// The first argument: what it is called, and what it means (as [`Opt::means`]). It has to be given.
    pub place: Option<(&'static str, &'static str)>,
    /// Whether `[INTERVAL [COUNT]]` may be given, and what the interval means: `--interval % --clear` for what was
    /// counted in each.
    pub interval: &'static str,
    /// Programs marked with `?` that are only loaded where the kernel's types are not known, with spaces between. Others of that mark
    /// are loaded where their place is there.
    pub without_types: &'static str,
    pub options: Options,
}

impl Data {
    /// No words, no options.
    pub const NONE: Data = Data {
        words: "",
        shows: "",
        place: None,
        interval: "",
        without_types: "",
        options: Options(""),
    };
}

/// The options of a tool: the five parts of each, which [`options!`] writes, ended by NULs. A string for all takes
/// a fifth of the room of a list.
#[derive(Clone, Copy)]
pub struct Options(pub &'static str);

/// An option of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt {
    /// Its letter, or nothing.
    pub short: &'static str,
    pub long: &'static str,
    /// What its value is called; empty for an option without one.
    pub value: &'static str,
    pub help: &'static str,
    /// What it stands for, by words with spaces between. `%` in a word is the option's value.
    ///
    /// | word | |
    /// |---|---|
    /// | `$NAME=VALUE` | the global variable gets this value, which is read by its type: a `…_ns` is given with its unit (`%ms`), a `__be32 …addr` as an address, an enum by its names |
    /// | `+NAME` | the program is loaded, which is marked with `?` and would not be |
    /// | another | a word of `run`, such as `--hist` and what follows it |
    pub means: &'static str,
}

impl Options {
    pub fn iter(self) -> impl Iterator<Item = Opt> + Clone {
        let mut parts = self.0.split('\0');
        std::iter::from_fn(move || {
            Some(Opt {
                short: parts.next()?,
                long: parts.next()?,
                value: parts.next()?,
                help: parts.next()?,
                means: parts.next()?,
            })
        })
    }
}

/// The options of a tool: `opt(SHORT, LONG, VALUE, HELP, MEANS)` for each, as [`Opt`] has them.
macro_rules! options {
    [$(opt($short:literal, $long:literal, $value:literal, $help:literal, $means:literal $(,)?)),* $(,)?] => {
        $crate::tools::Options(concat!(
            $($short, "\0", $long, "\0", $value, "\0", $help, "\0", $means, "\0"),*
        ))
    };
}
pub(crate) use options;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_they_were_written() {
        let options = options![
            opt("p", "pid", "PID", "only it", "$pid=%"),
            opt("", "all", "", "all", "+all")
        ];
        let read: Vec<Opt> = options.iter().collect();
        let expected = [
            ["p", "pid", "PID", "only it", "$pid=%"],
            ["", "all", "", "all", "+all"],
        ];
        let expected = expected.map(|[short, long, value, help, means]| Opt {
            short,
            long,
            value,
            help,
            means,
        });
        assert_eq!(read, expected);
        assert_eq!(options![].iter().count(), 0);
    }
}
