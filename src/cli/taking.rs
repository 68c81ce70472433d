//! Takes options that several commands have out of an argument list, wherever they stand in it.

use super::Failure;

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

/// Whether help is asked for.
pub fn is_help(args: &[&str]) -> bool {
    args.first() == Some(&"help") || args.contains(&"--help")
}

/// Whether this asks for JSON.
pub fn is_json(arg: &str) -> bool {
    ["--json", "-j", "--pretty", "-p"].contains(&arg)
}
