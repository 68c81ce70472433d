//! Programs, maps and links that are loaded: how they are named on the command line, found and listed.

mod list;
mod pins;
mod row;

pub use list::list;
pub use pins::{path, pin, pin_at};
pub use row::{Row, Value, hex, hex_list, quoted};

use btfly::sys::bpf::{
    link_get_fd_by_id, link_get_next_id, link_info, map_get_fd_by_id, map_get_next_id, map_info,
    prog_get_fd_by_id, prog_get_next_id, prog_info,
};
use btfly::sys::bpf_pin::{kind_of, obj_get};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::{self, Errno};

use super::{Class, Common, Failure, output, taking};

/// Things that the kernel numbers.
pub struct Kind {
    pub what: &'static str,
    /// What the descriptor of one is called.
    descriptor: &'static str,
    /// The field of its number in fdinfo.
    field: &'static str,
    pub next: fn(u32) -> io::Result<Option<u32>>,
    pub open: fn(u32) -> io::Result<OwnedFd>,
    /// Its number, its name as the kernel keeps it, and its tag.
    pub told: fn(BorrowedFd<'_>) -> io::Result<Told>,
}

impl Kind {
    /// Whether a descriptor that is called so is one of these. There are links of both `bpf_link` and `bpf-link`.
    pub fn is(&self, descriptor: Option<&str>) -> bool {
        descriptor.is_some_and(|called| called.replace('_', "-") == self.descriptor)
    }
}

type Told = (u32, [u8; 16], Option<[u8; 8]>);

pub static PROGRAMS: Kind = Kind {
    what: "program",
    descriptor: "bpf-prog",
    field: "prog_id:",
    next: prog_get_next_id,
    open: prog_get_fd_by_id,
    told: |fd| prog_info(fd).map(|info| (info.id, info.name, Some(info.tag))),
};

pub static MAPS: Kind = Kind {
    what: "map",
    descriptor: "bpf-map",
    field: "map_id:",
    next: map_get_next_id,
    open: map_get_fd_by_id,
    told: |fd| map_info(fd).map(|info| (info.id, info.name, None)),
};

pub static LINKS: Kind = Kind {
    what: "link",
    descriptor: "bpf-link",
    field: "link_id:",
    next: link_get_next_id,
    open: link_get_fd_by_id,
    told: |fd| link_info(fd).map(|info| (info.id, [0; 16], None)),
};

/// The words of a command behind its action, whether JSON is wanted, and the options that every command has.
pub struct Words<'w> {
    pub words: Vec<&'w str>,
    pub json: bool,
    pub common: Common,
}

/// Takes `--json` and its like out of the arguments, and the action, which is the first word.
pub fn words<'w>(args: &[&'w str], common: Common) -> (Option<&'w str>, Words<'w>) {
    let is_json = |arg: &&str| taking::is_json(arg);
    let json = args.iter().any(is_json);
    let mut words = args.iter().filter(|arg| !is_json(arg)).copied();
    let action = words.next();
    let words = words.collect();
    let words = Words {
        words,
        json,
        common,
    };
    (action, words)
}

/// Names one by a word and what follows, and gives what is left: `id 7`, `name x`, `tag …`, `pinned PATH`;
/// or a number, a path or a name alone. Several may have one name.
pub fn find<'a, 'w>(
    kind: &Kind,
    words: &'a [&'w str],
) -> Result<(Vec<OwnedFd>, &'a [&'w str]), Failure> {
    let form = || {
        let tag = if kind.descriptor == "bpf-prog" {
            " | tag T"
        } else {
            ""
        };
        let hint = format!(
            "a {} is named by id N | name S | pinned PATH{tag}",
            kind.what
        );
        Failure::usage(format!("which {}?", kind.what)).with_hint(hint)
    };
    let (how, which, rest) = match words {
        [how @ ("id" | "name" | "tag" | "pinned"), which, rest @ ..] => (*how, *which, rest),
        [which, rest @ ..] if which.starts_with('/') => ("pinned", *which, rest),
        [which, rest @ ..] if which.parse::<u32>().is_ok() => ("id", *which, rest),
        [which, rest @ ..] if !["id", "name", "tag", "pinned"].contains(which) => {
            ("name", *which, rest)
        }
        _ => return Err(form()),
    };
    let told = [kind.what, " ", which].concat();
    let found = match how {
        "id" => {
            let id = which
                .parse()
                .map_err(|_| Failure::usage(format!("'{which}' is no id")))?;
            vec![(kind.open)(id).map_err(|error| refused(&told, error))?]
        }
        "pinned" => vec![open_pin(kind, which)?],
        _ => by_name(kind, how, which).map_err(|error| refused(&told, error))?,
    };
    if found.is_empty() {
        let failure = format!("no {} is called '{which}'", kind.what);
        return Err(Failure::new(Class::Missing, failure)
            .with_hint("the kernel keeps the first 15 characters of a name"));
    }
    Ok((found, rest))
}

/// The same where there may only be one.
pub fn find_one<'a, 'w>(
    kind: &Kind,
    words: &'a [&'w str],
) -> Result<(OwnedFd, &'a [&'w str]), Failure> {
    let (mut found, rest) = find(kind, words)?;
    if let (1, Some(only)) = (found.len(), found.pop()) {
        return Ok((only, rest));
    }
    let (found, _) = find(kind, words)?;
    let ids = found.iter().filter_map(|fd| (kind.told)(fd.as_fd()).ok());
    let ids: Vec<String> = ids.map(|(id, ..)| id.to_string()).collect();
    let which = words.get(1).or(words.first()).copied().unwrap_or_default();
    let told = format!("{} {}s are called '{which}'", ids.len(), kind.what);
    Err(Failure::usage(told).with_hint(format!("choose one by id: {}", ids.join(", "))))
}

fn open_pin(kind: &Kind, which: &str) -> Result<OwnedFd, Failure> {
    let fd = obj_get(&path(which)?).map_err(|error| match error {
        Errno::ACCESS | Errno::INVAL => Failure::new(
            Class::Other,
            format!("{which} is no pinned BPF object: {error}"),
        ),
        error => refused(which, error),
    })?;
    match kind_of(fd.as_fd()) {
        Some(found) if !kind.is(Some(&found)) => Err(Failure::new(
            Class::Other,
            format!("what is pinned at {which} is no {}, but {found}", kind.what),
        )),
        _ => Ok(fd),
    }
}

/// Those with a name, or tag. One that vanishes meanwhile is passed over.
fn by_name(kind: &Kind, how: &str, which: &str) -> io::Result<Vec<OwnedFd>> {
    let name = which.as_bytes().get(..15).unwrap_or(which.as_bytes());
    let mut found = Vec::new();
    let mut id = 0;
    while let Some(next) = (kind.next)(id)? {
        id = next;
        let fd = match (kind.open)(id) {
            Err(Errno::NOENT) => continue,
            opened => opened?,
        };
        let (_, held, tag) = (kind.told)(fd.as_fd())?;
        let is = match how {
            "tag" => tag.is_some_and(|tag| hex(&tag, "").eq_ignore_ascii_case(which)),
            _ => !name.is_empty() && held.split(|&b| b == 0).next() == Some(name),
        };
        if is {
            found.push(fd);
        }
    }
    Ok(found)
}

/// What the kernel answered, about something.
pub fn refused(what: &str, error: Errno) -> Failure {
    match error {
        Errno::PERM | Errno::ACCESS => {
            Failure::new(Class::Permission, format!("{what}: not permitted"))
                .with_hint("run it as root")
        }
        Errno::NOENT => Failure::new(Class::Missing, format!("there is no {what}")),
        Errno::INVAL | Errno::NOSYS => Failure::new(
            Class::Missing,
            format!("{what}: this kernel can't be asked for it ({error})"),
        ),
        error => Failure::other(format!("{what}: {error}")),
    }
}

/// An action of a command: its name, and what it does.
pub type Action = (&'static str, fn(&Words<'_>) -> Result<(), Failure>);

/// Does what the first word says.
pub fn act(
    command: &str,
    help: &str,
    actions: &[Action],
    action: Option<&str>,
    words: &Words<'_>,
) -> Result<(), Failure> {
    let asks = |word: &&str| ["--help", "help", "-h"].contains(word);
    if action.as_ref().is_some_and(asks) || words.words.contains(&"--help") {
        return output::print(help);
    }
    let known = actions.iter().find(|(name, _)| Some(*name) == action);
    let names: Vec<&str> = actions.iter().map(|(name, _)| *name).collect();
    let unknown = match (known, action) {
        (Some((_, run)), _) => return run(words),
        (None, Some(action)) => format!("btfly {command} has no action '{action}'"),
        (None, None) => format!("btfly {command} needs an action"),
    };
    Err(Failure::usage(unknown).with_hint(["it has ", &names.join(", ")].concat()))
}

/// Says that there is something more than is taken.
pub fn no_more(command: &str, rest: &[&str]) -> Result<(), Failure> {
    match rest.first() {
        None => Ok(()),
        Some(word) => Err(super::no_more(command, word)),
    }
}
