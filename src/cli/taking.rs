//! Takes options out of an argument list, wherever they stand in it.

use super::{Failure, common, no_more, output};

/// An argument that may be such an option.
pub struct Given<'p> {
    /// What stands before a `=`, or all of it.
    pub name: &'p str,
    /// What stands behind the `=`.
    inline: Option<&'p str>,
}

impl<'p> Given<'p> {
    fn new(arg: &'p str) -> Given<'p> {
        match arg.split_once('=') {
            Some((name, value)) if name.starts_with("--") => Given {
                name,
                inline: Some(value),
            },
            _ => Given {
                name: arg,
                inline: None,
            },
        }
    }

    /// Whether nothing is given with it by a `=`.
    pub fn is_plain(&self) -> bool {
        self.inline.is_none()
    }

    /// Its value: what stands behind the `=`, or the next argument.
    pub fn value(&self, rest: &mut Rest<'_, 'p>) -> Result<&'p str, Failure> {
        match self.inline.or_else(|| rest.next().copied()) {
            Some(value) => Ok(value),
            None => Err(Failure::usage([self.name, " needs a value"].concat())),
        }
    }
}

/// The arguments behind one.
pub type Rest<'a, 'p> = std::slice::Iter<'a, &'p str>;

/// Hands each argument up to a `--` to `option`, which says whether it took it; what it did not take, and
/// what stands behind, is returned.
pub fn take<'p>(
    args: &[&'p str],
    option: &mut dyn FnMut(&Given<'p>, &mut Rest<'_, 'p>) -> Result<bool, Failure>,
) -> Result<Vec<&'p str>, Failure> {
    let mut kept = Vec::with_capacity(args.len());
    let mut rest = args.iter();
    while let Some(&arg) = rest.next() {
        if arg == "--" {
            kept.push(arg);
            kept.extend_from_slice(rest.as_slice());
            break;
        }
        if !option(&Given::new(arg), &mut rest)? {
            kept.push(arg);
        }
    }
    Ok(kept)
}

/// The words of `command` beside its options, which `option` takes. `None`: help was asked for, and given, with the
/// options that every command has.
pub fn words<'p>(
    command: &str,
    help: &str,
    args: &[&'p str],
    option: &mut dyn FnMut(&Given<'p>, &mut Rest<'_, 'p>) -> Result<bool, Failure>,
) -> Result<Option<Vec<&'p str>>, Failure> {
    let hint = || ["btfly ", command, " --help lists the options"].concat();
    let mut kept = take(args, option).map_err(|failure| failure.or_hint(hint()))?;
    if is_help(&kept) {
        return output::print(&[help, common::HELP].concat()).map(|()| None);
    }
    // The first that looks like an option is what ends them, or one that is not known.
    if let Some(at) = kept.iter().position(|arg| arg.starts_with('-')) {
        let arg = kept.remove(at);
        if arg != "--" {
            return Err(no_more(command, arg));
        }
    }
    Ok(Some(kept))
}

/// Whether help is asked for.
pub fn is_help(args: &[&str]) -> bool {
    let mut options = args.iter().take_while(|arg| **arg != "--");
    args.first() == Some(&"help") || options.any(|arg| *arg == "--help")
}

/// Whether this asks for JSON.
pub fn is_json(arg: &str) -> bool {
    ["--json", "-j", "--pretty", "-p"].contains(&arg)
}

#[cfg(test)]
mod tests {
    /// The words, and the values of `-o` and `--option`.
    fn words<'p>(args: &[&'p str]) -> Result<(Vec<&'p str>, Vec<&'p str>), String> {
        let mut values = Vec::new();
        let words = super::words("test", "", args, &mut |given, rest| {
            let takes = ["-o", "--option"].contains(&given.name);
            if takes {
                values.push(given.value(rest)?);
            }
            Ok(takes)
        });
        let words = words.map_err(|failure| failure.reason())?;
        Ok((words.expect("no help"), values))
    }

    #[test]
    fn options_stand_anywhere_up_to_two_dashes_and_words_are_left() {
        let args = ["a", "-o", "1", "--option=2=3", "b", "--option", "--help"];
        let told = (vec!["a", "b"], vec!["1", "2=3", "--help"]);
        assert_eq!(words(&args), Ok(told));
        let args = ["-o", "--", "a", "--", "-o", "--", "-x"];
        let told = (vec!["a", "-o", "--", "-x"], vec!["--"]);
        assert_eq!(words(&args), Ok(told));
        let told = (vec!["--help", "help"], vec![]);
        assert_eq!(words(&["--", "--help", "help"]), Ok(told));
    }

    #[test]
    fn an_option_that_is_unknown_or_lacks_its_value_is_refused() {
        for (args, told) in [
            (&["a", "-x"][..], "no such argument: -x"),
            (&["--options=1", "a"], "no such argument: --options=1"),
            (&["-", "--"], "no such argument: -"),
            (&["a", "-o"], "-o needs a value"),
        ] {
            assert_eq!(words(args), Err(told.into()));
        }
    }
}
