//! Which words may follow others, by forms of command lines.

use btfly::sys::{map_types, names as kinds};

use super::super::{COMMANDS, Failure, TRACE, feature, output};
use super::names::{self, Names};
use crate::tools;

/// A form in a line, word by word. Words in capitals stand for something; `a|b` is one of these; a `*` begins
/// words in any order up to the end, with what follows each behind a `=`.
const FORMS: &str = "\
help COMMAND
extract TOOL
completions bash|zsh|ash
btf list
btf diff FILE FILE
btf dump id BTF
btf dump prog PROG
btf dump map MAP key|value|kv|all
btf dump file FILE
prog list|show PROG
prog dump xlated|jited PROG *opcodes|linum|file=FILE
prog load|pin|detach|run|stats|trace|tracelog
prog pin PROG FILE
prog detach PROG ATTACHMENT MAP
prog detach PROG ATTACHMENT cgroup FILE
prog run PROG *data_in=FILE|data_out=FILE|data_size_out=N|ctx_in=FILE|ctx_out=FILE|ctx_size_out=N|repeat=N
prog stats on|off
map list|show|dump|peek|pop|dequeue|freeze MAP
map create FILE *type=TYPE|key=N|value=N|entries=N|name=S|flags=N|inner_map=MAP|btf=FILE
map lookup|getnext|delete MAP key DATA
map update MAP key DATA value DATA any|exist|noexist
map push|enqueue MAP value DATA
map pin MAP FILE
link list|show|detach LINK
link pin LINK FILE
perf list|show
feature SECTIONS
";

/// The same of what this build may lack.
const MORE: &str = match cfg!(feature = "full") {
    true => "btf min",
    false => "",
};

/// All forms.
fn forms() -> impl Iterator<Item = &'static str> {
    FORMS.lines().chain(MORE.lines())
}

/// What is wanted: a part of a form, and how a program, map or link is named that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted<'w> {
    part: &'w str,
    how: Option<&'w str>,
}

/// Prints what may stand for the last word, a line each.
pub fn print(words: &[&str]) -> Result<(), Failure> {
    let Some((last, before)) = words.split_last() else {
        return Ok(());
    };
    let before: Vec<&str> = before
        .iter()
        .copied()
        .filter(|w| !w.starts_with('-'))
        .collect();
    let mut found = Vec::new();
    if before.is_empty() {
        commands(&mut found);
    }
    let mut wanted: Vec<Wanted<'_>> = forms().filter_map(|f| follow(f, &before)).collect();
    wanted.sort_by_key(|wanted| wanted.part);
    wanted.dedup();
    for wanted in wanted {
        candidates(wanted, last, &mut found);
    }
    // The line that is made of them is read by a shell: what would act on it is not told.
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:+@,".contains(c);
    found.retain(|word| word.starts_with(last) && !word.is_empty() && word.chars().all(plain));
    found.sort_unstable();
    found.dedup();
    found.push(String::new());
    output::print(&found.join("\n"))
}

/// A line for each command, and each of its actions, that makes it a first word.
pub fn aliases() -> String {
    let mut found = Vec::new();
    commands(&mut found);
    found.sort_unstable();
    let mut text = String::new();
    for command in &found {
        text.extend(["alias 'btfly-", command, "=btfly ", command, "'\n"]);
        let parts = forms().filter_map(|form| follow(form, &[command]));
        let parts = parts.filter(|wanted| !is_name(wanted.part));
        let mut actions: Vec<&str> = parts.flat_map(|wanted| wanted.part.split('|')).collect();
        actions.sort_unstable();
        actions.dedup();
        for action in actions {
            let name = [
                "'btfly-", command, "-", action, "=btfly ", command, " ", action,
            ];
            text.push_str("alias ");
            text.extend(name);
            text.push_str("'\n");
        }
    }
    text
}

fn commands(found: &mut Vec<String>) {
    tools(found);
    found.extend([TRACE.name, "help"].map(String::from));
    found.extend(COMMANDS.iter().map(|command| command.name.to_owned()));
}

fn tools(found: &mut Vec<String>) {
    found.extend(tools::all().iter().map(|tool| tool.name.to_owned()));
}

fn candidates(wanted: Wanted<'_>, last: &str, found: &mut Vec<String>) {
    let texts = |of: fn(u32) -> Option<&'static str>| {
        // None of these has as many.
        (1..256).filter_map(of).map(String::from)
    };
    match wanted.part {
        "COMMAND" => commands(found),
        "TOOL" => tools(found),
        "ATTACHMENT" => found.extend(texts(kinds::attach_type)),
        "TYPE" => found.extend(texts(|n| map_types::map_type(n).map(|t| t.name))),
        "BTF" => names::btfs(found),
        "SECTIONS" => found.extend(feature::sections().map(String::from)),
        part => match Names::of(part) {
            Some(kind) => kind.add(wanted.how, last, found),
            None if is_name(part) => {}
            None => found.extend(choices(part).map(|(name, _)| name.to_owned())),
        },
    }
}

/// Whether a part stands for something.
fn is_name(part: &str) -> bool {
    part.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The words of a part, and what stands behind each.
fn choices(part: &str) -> impl Iterator<Item = (&str, &str)> {
    let all = part.trim_start_matches('*').split('|');
    all.map(|choice| choice.split_once('=').unwrap_or((choice, "")))
}

fn has(part: &str, word: &str) -> bool {
    choices(part).any(|(name, _)| name == word)
}

/// What stands in a form behind these words; `None` where they are not of that form, or its end.
fn follow<'w>(form: &'w str, mut words: &[&'w str]) -> Option<Wanted<'w>> {
    let mut parts = form.split(' ').peekable();
    while let Some(part) = parts.next() {
        if let Some(group) = part.strip_prefix('*') {
            return within(group, words);
        }
        if part == "SECTIONS" {
            return Some(Wanted { part, how: None });
        }
        if part == "DATA" && !words.is_empty() {
            // As many words as there are.
            let next = parts.peek().copied().unwrap_or("DATA");
            let at = words.iter().position(|word| has(next, word));
            words = at.and_then(|at| words.get(at..)).unwrap_or_default();
            continue;
        }
        words = match taken(part, words) {
            Ok(rest) => rest,
            Err(wanted) => return wanted,
        };
    }
    None
}

/// What is left behind a part; or what is wanted, where nothing is.
fn taken<'a, 'w>(part: &'w str, words: &'a [&'w str]) -> Result<&'a [&'w str], Option<Wanted<'w>>> {
    let (how, rest) = match words {
        [how @ ("id" | "name" | "tag" | "pinned"), rest @ ..] if Names::of(part).is_some() => {
            (Some(*how), rest)
        }
        words => (None, words),
    };
    match rest {
        [] => Err(Some(Wanted { part, how })),
        [word, rest @ ..] if is_name(part) || has(part, word) => Ok(rest),
        _ => Err(None),
    }
}

/// The same in words of any order.
fn within<'w>(group: &'w str, mut words: &[&'w str]) -> Option<Wanted<'w>> {
    while let [word, rest @ ..] = words {
        let (_, value) = choices(group).find(|(name, _)| name == word)?;
        words = match value {
            "" => rest,
            value => match taken(value, rest) {
                Ok(rest) => rest,
                Err(wanted) => return wanted,
            },
        };
    }
    let (part, how) = (group, None);
    Some(Wanted { part, how })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts that may follow.
    fn parts(line: &str) -> Vec<&'static str> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let words: &'static [&'static str] = words
            .into_iter()
            .map(|w| &*w.to_owned().leak())
            .collect::<Vec<_>>()
            .leak();
        let found = forms().filter_map(|form| follow(form, words));
        let mut found: Vec<&str> = found.map(|wanted| wanted.part).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    #[test]
    fn what_follows_is_told_by_the_form() {
        let options = "data_in=FILE|data_out=FILE|data_size_out=N|ctx_in=FILE|ctx_out=FILE|ctx_size_out=N|repeat=N";
        for (line, expected) in [
            ("prog show", &["PROG"][..]),
            ("prog show id", &["PROG"]),
            ("prog show id 7", &[]),
            ("prog dump", &["xlated|jited"]),
            ("prog dump jited name x", &["opcodes|linum|file=FILE"]),
            ("prog run 7", &[options]),
            ("prog run 7 data_in", &["FILE"]),
            ("prog run 7 data_in x repeat 3", &[options]),
            ("prog detach 7 xdp", &["MAP", "cgroup"]),
            ("map update id 3 key", &["DATA"]),
            ("map update id 3 key 1 2", &["value"]),
            ("map update id 3 key 1 value 2", &["any|exist|noexist"]),
            ("map update id 3 key 1 value 2 any", &[]),
            ("map create /x inner_map", &["MAP"]),
            ("map create /x inner_map id", &["MAP"]),
            ("btf dump", &["file", "id", "map", "prog"]),
            ("feature system maps", &["SECTIONS"]),
            ("nothing of the kind", &[]),
        ] {
            assert_eq!(parts(line), expected, "{line}");
        }
    }

    /// Every action of these commands is in a form, and nothing else is.
    #[test]
    fn each_action_has_a_form_and_each_form_an_action() {
        use super::super::super::{btf, link, map, perf, prog};
        let known: [(&str, Vec<&str>); 5] = [
            ("btf", btf::actions().collect()),
            ("prog", prog::actions().collect()),
            ("map", map::actions().collect()),
            ("link", link::actions().collect()),
            ("perf", perf::actions().collect()),
        ];
        for (command, mut actions) in known {
            let parts = parts(command);
            let mut formed: Vec<&str> = parts.iter().flat_map(|part| part.split('|')).collect();
            formed.sort_unstable();
            formed.dedup();
            actions.sort_unstable();
            assert_eq!(formed, actions, "{command}");
        }
    }
}
