//! What a person asks for: `PLACE [FIELD…] [if FIELD OP VALUE [and …]]`.

use super::Refusal;
use btfly::text::split;

/// What is traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'w> {
    /// `CATEGORY:NAME`, or with a slash.
    Tracepoint {
        category: &'w str,
        name: &'w str,
    },
    Function(&'w str),
}

/// A field and what it is inside of: `dentry.d_inode.i_ino`, or with arrows, which a shell wants quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path<'w>(pub Vec<&'w str>);

impl Path<'_> {
    /// As people write it.
    pub fn text(&self) -> String {
        self.0.join(".")
    }

    /// As one word.
    pub fn name(&self) -> String {
        self.0.join("_")
    }
}

/// How a value is to be to the one that is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Equal,
    Other,
    Less,
    AtMost,
    Greater,
    AtLeast,
    /// They have a bit in common.
    Common,
}

/// Longer ones before those that they begin with.
const OPS: [(&str, Op); 8] = [
    ("==", Op::Equal),
    ("!=", Op::Other),
    ("<=", Op::AtMost),
    (">=", Op::AtLeast),
    ("=", Op::Equal),
    ("<", Op::Less),
    (">", Op::Greater),
    ("&", Op::Common),
];

/// Events of which this does not hold are not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition<'w> {
    pub field: Path<'w>,
    pub op: Op,
    pub value: &'w str,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words<'w> {
    pub place: Place<'w>,
    pub fields: Vec<Path<'w>>,
    pub conditions: Vec<Condition<'w>>,
}

impl<'w> Words<'w> {
    /// Reads the words, with blanks between.
    pub fn read(text: &'w str) -> Result<Words<'w>, Refusal> {
        let (place, mut rest) = first(text);
        let place = match place.split_once([':', '/']) {
            Some((category, name)) => Place::Tracepoint { category, name },
            None => Place::Function(place),
        };
        let mut fields = Vec::new();
        let conditions = loop {
            let (word, left) = first(rest);
            match word {
                "" => return Words::new(place, fields, ""),
                "if" if left.is_empty() => {
                    return Err(Refusal::new("nothing stands behind if", CONDITIONS));
                }
                "if" => break left,
                field => fields.push(path(field.trim_end_matches(','))?),
            }
            rest = left;
        };
        Words::new(place, fields, conditions)
    }

    /// Adds that a field of the current task is this.
    pub fn only(&mut self, name: &'static str, value: &'w str) {
        let field = Path(vec![name]);
        let op = Op::Equal;
        let condition = Condition { field, op, value };
        self.conditions.insert(0, condition);
    }

    fn new(
        place: Place<'w>,
        fields: Vec<Path<'w>>,
        conditions: &'w str,
    ) -> Result<Words<'w>, Refusal> {
        let conditions = split(conditions, " and ").filter(|one| !one.is_empty());
        Ok(Words {
            place,
            fields,
            conditions: conditions.map(condition).collect::<Result<_, _>>()?,
        })
    }
}

/// What a condition is, for people.
pub const CONDITIONS: &str = "a condition is FIELD OP VALUE, with == != < <= > >= or & (a bit in common); and is between two";

/// The first word, and what follows.
fn first(text: &str) -> (&str, &str) {
    let text = text.trim_ascii();
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim_ascii_start())
}

fn path(text: &str) -> Result<Path<'_>, Refusal> {
    let parts = text.split('.').flat_map(|part| split(part, "->"));
    let parts: Vec<&str> = parts.collect();
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    match parts
        .iter()
        .all(|p| !p.is_empty() && p.bytes().all(is_word))
    {
        true => Ok(Path(parts)),
        false => Err(Refusal::new(
            format!("'{text}' is no field"),
            "fields are written as in name or dentry.d_inode.i_ino; what stands behind if is a condition",
        )),
    }
}

fn condition(text: &str) -> Result<Condition<'_>, Refusal> {
    let refused = || Refusal::new(format!("'{text}' is no condition"), CONDITIONS);
    let found = text.char_indices().find_map(|(at, _)| {
        let rest = text.get(at..)?;
        // The head of an arrow is no sign.
        let arrow = text.get(..at)?.ends_with('-');
        let op = OPS
            .iter()
            .find(|(sign, _)| rest.starts_with(sign) && !arrow);
        op.map(|(sign, op)| (at, sign.len(), *op))
    });
    let (at, len, op) = found.ok_or_else(refused)?;
    let (field, value) = text.split_at(at);
    let value = value.get(len..).unwrap_or_default().trim_ascii();
    match value.is_empty() {
        true => Err(refused()),
        false => Ok(Condition {
            field: path(field.trim_ascii())?,
            op,
            value,
        }),
    }
}

/// Puts a sign and the word behind it together: that word is no option, even if it begins like one.
pub fn joined(args: &[&str]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for arg in args {
        match out.last_mut() {
            Some(last) if !last.starts_with('-') && last.ends_with(['=', '<', '>', '&']) => {
                last.push(' ');
                last.push_str(arg);
            }
            _ => out.push((*arg).into()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_fields_and_conditions_are_read() {
        let read =
            Words::read("do_unlinkat name dfd, if dir->d_inode.i_ino>= 4 and comm != my prog");
        let expected = Words {
            place: Place::Function("do_unlinkat"),
            fields: vec![Path(vec!["name"]), Path(vec!["dfd"])],
            conditions: vec![
                Condition {
                    field: Path(vec!["dir", "d_inode", "i_ino"]),
                    op: Op::AtLeast,
                    value: "4",
                },
                Condition {
                    field: Path(vec!["comm"]),
                    op: Op::Other,
                    value: "my prog",
                },
            ],
        };
        assert_eq!(read.unwrap(), expected);
        let (category, name) = ("sched", "sched_switch");
        let read = Words::read("sched:sched_switch").unwrap();
        assert_eq!(read.place, Place::Tracepoint { category, name });
    }

    #[test]
    fn what_can_not_be_read_is_told() {
        for (text, told) in [
            ("f if", "nothing stands behind if"),
            ("f a b<3", "'b<3' is no field"),
            ("f if a", "'a' is no condition"),
            ("f if a ==", "'a ==' is no condition"),
            ("f if a == 1 and b", "'b' is no condition"),
            ("f if == 1", "'' is no field"),
            ("f a..b", "'a..b' is no field"),
        ] {
            let refusal = Words::read(text).unwrap_err();
            assert!(refusal.what.contains(told), "{text}: {}", refusal.what);
        }
    }

    #[test]
    fn a_value_behind_a_sign_is_no_option() {
        let args = ["vfs_read", "if", "ret", "==", "-2", "--json"];
        assert_eq!(joined(&args), ["vfs_read", "if", "ret", "== -2", "--json"]);
    }
}
