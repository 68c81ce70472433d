//! Which fields are fetched, and in which order they are sent: the event, and what is asked of it.

use btfly::btf::{Btf, Encoder};
use btfly::relocate::Target;
use btfly::target::FormatField;
use btfly::value;

use super::fetch::{End, Fetch, Start, Value};
use super::function::{self, Argument};
use super::words::{CONDITIONS, Op, Path, Words};
use super::{Refusal, record, types};

/// Bytes that an event may have.
const MOST: u32 = 4096;

/// What is known of a place.
pub enum Facts<'k> {
    /// The fields of a tracepoint.
    Record(&'k [FormatField]),
    /// The arguments of a function, or what it returns.
    Known(&'k dyn Target, Vec<Argument>),
    /// Of a function of which no types are known, what its registers are called.
    Registers(&'static [&'static str]),
}

impl Facts<'_> {
    /// Arguments by their number.
    pub const ARGUMENTS: Self = Facts::Registers(&[
        "arg0", "arg1", "arg2", "arg3", "arg4", "arg5", "arg6", "arg7",
    ]);
    /// What is returned.
    pub const RETURNED: Self = Facts::Registers(&[RETURNED]);

    /// All fields.
    fn names(&self) -> Vec<&str> {
        match self {
            Facts::Record(fields) => {
                let own = fields.iter().filter(|field| record::is_own(field));
                own.map(record::name).collect()
            }
            Facts::Known(_, arguments) => arguments.iter().map(|a| &*a.name).collect(),
            Facts::Registers(names) => names.to_vec(),
        }
    }
}

/// What is known of the current task, also where the place has other fields of these names: with what stands
/// before them then.
const CURRENT: [&str; 3] = ["pid", "tid", "comm"];
pub const PREFIX: &str = "current_";

/// What a function returns is called so.
pub const RETURNED: &str = "ret";

/// A field of the event, or one that is only compared.
#[derive(Debug)]
pub struct Item {
    pub name: String,
    pub fetch: Fetch,
    /// Bytes from the start of the event.
    pub at: u32,
}

/// What is asked of an item.
#[derive(Debug)]
pub struct Test {
    pub item: usize,
    pub op: Op,
    pub wanted: Wanted,
}

/// What a value is compared with.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    Number(u64),
    Text(Vec<u8>),
}

/// What is to be done each time.
#[derive(Debug)]
pub struct Plan {
    pub items: Vec<Item>,
    pub tests: Vec<Test>,
    /// How many of the items are sent: the first ones.
    pub shown: usize,
    /// Bytes of the event.
    pub sent: u32,
    /// Bytes of all items.
    pub room: u32,
    /// The BTF in which `struct event` is described.
    pub types: Vec<u8>,
}

impl Plan {
    /// Finds what `words` ask for.
    pub fn new(words: &Words<'_>, facts: &Facts<'_>) -> Result<Plan, Refusal> {
        let mut out = Encoder::default();
        let mut items: Vec<Item> = Vec::new();
        if words.fields.is_empty() {
            let own = facts.names();
            // A field of the same name is what the place itself tells.
            let ready = CURRENT.iter().map(|name| match own.contains(name) {
                true => [PREFIX, name].concat(),
                false => (*name).into(),
            });
            let ready: Vec<String> = ready.collect();
            let ready = ready.iter().map(String::as_str);
            for name in ready.chain(own.iter().copied()) {
                // What can't be shown was not asked for, either.
                let path = Path(vec![name]);
                if let Ok(fetch) = fetch(facts, &path, &mut out) {
                    items.push(Item::new(&path, fetch));
                }
            }
        }
        for path in &words.fields {
            add(&mut items, facts, path, &mut out)?;
        }
        let shown = items.len();
        let mut asked = Vec::new();
        for condition in &words.conditions {
            asked.push(add(&mut items, facts, &condition.field, &mut out)?);
        }
        let mut sent = 0;
        let mut room = 0u32;
        for (index, item) in items.iter_mut().enumerate() {
            item.at = room.next_multiple_of(item.fetch.value.alignment());
            room = item.at.saturating_add(item.fetch.value.size());
            if index + 1 == shown {
                sent = room.next_multiple_of(8);
                room = sent;
            }
            if room > MOST {
                return Err(Refusal::new(
                    "the fields are too large together",
                    "name those that are to be shown behind the place",
                ));
            }
        }
        let members = items.iter().take(shown);
        let members: Vec<_> = members.map(|i| (&*i.name, i.fetch.ty, i.at)).collect();
        out.structure("event", sent, &members);
        let types = out.bytes();
        let btf = Btf::parse(&types).map_err(|e| Refusal::new(e.to_string(), ""))?;
        let tests = words.conditions.iter().zip(asked).map(|(condition, item)| {
            let of = items.get(item).map(|item| &item.fetch);
            let wanted = match of {
                Some(of) => wanted(&btf, of, condition.op, condition.value),
                None => Err(String::new()),
            };
            let field = condition.field.text();
            let wanted =
                wanted.map_err(|why| Refusal::new(format!("{field}: {why}"), CONDITIONS))?;
            Ok(Test {
                item,
                op: condition.op,
                wanted,
            })
        });
        let tests = tests.collect::<Result<_, Refusal>>()?;
        Ok(Plan {
            tests,
            items,
            shown,
            sent,
            room: room.next_multiple_of(8).max(8),
            types,
        })
    }
}

impl Item {
    fn new(path: &Path<'_>, fetch: Fetch) -> Item {
        Item {
            name: path.name(),
            fetch,
            at: 0,
        }
    }
}

/// The item of a path, which is added if there is none.
fn add(
    items: &mut Vec<Item>,
    facts: &Facts<'_>,
    path: &Path<'_>,
    out: &mut Encoder,
) -> Result<usize, Refusal> {
    let name = path.name();
    if let Some(known) = items.iter().position(|item| item.name == name) {
        return Ok(known);
    }
    items.push(Item::new(path, fetch(facts, path, out)?));
    Ok(items.len() - 1)
}

fn fetch(facts: &Facts<'_>, path: &Path<'_>, out: &mut Encoder) -> Result<Fetch, Refusal> {
    let (name, inside) = path.0.split_first().unwrap_or((&"", &[]));
    match facts {
        Facts::Record(fields) => {
            let mut own = fields.iter().filter(|field| record::is_own(field));
            if let Some(field) = own.find(|field| record::name(field) == *name) {
                if !inside.is_empty() {
                    let hint = "a tracepoint's fields are what its record has";
                    return Err(Refusal::new(format!("{name} has no fields"), hint));
                }
                return record::fetch(field, out).ok_or_else(|| {
                    let hint = "a field of up to 256 bytes can";
                    Refusal::new(format!("{name} can't be shown"), hint)
                });
            }
        }
        Facts::Known(types, arguments) => {
            if let Some(argument) = arguments.iter().find(|a| a.name == *name) {
                return function::fetch(*types, argument, path, out);
            }
        }
        Facts::Registers(names) => {
            let found = names.iter().position(|known| known == name);
            if let Some(register) = found.filter(|_| inside.is_empty()) {
                let value = Value::WORD;
                let start = Start::Context(register as u32 * 8);
                return Ok(plain(start, End::Here, value, types::pointer(out)));
            }
        }
    }
    let number = |signed| Value::Number { size: 4, signed };
    let current = name.strip_prefix(PREFIX).unwrap_or(name);
    let ready = match (current, inside.is_empty()) {
        ("pid", true) => Some((Start::Pid, number(false))),
        ("tid", true) => Some((Start::Tid, number(false))),
        ("comm", true) => Some((Start::Comm, Value::Text(16))),
        _ => None,
    };
    let Some((start, value)) = ready else {
        let hint = match facts.names().join(", ") {
            names if names.is_empty() => "there are pid, tid, comm".into(),
            names => ["there are ", &names, "; and pid, tid, comm"].concat(),
        };
        return Err(Refusal::new(format!("there is no {}", path.text()), hint));
    };
    let ty = match value {
        Value::Text(size) => types::text(out, size),
        _ => types::number(out, 4, false),
    };
    Ok(plain(start, End::Here, value, ty))
}

fn plain(start: Start, end: End, value: Value, ty: btfly::btf::TypeId) -> Fetch {
    Fetch {
        start,
        steps: Vec::new(),
        end,
        value,
        ty,
    }
}

/// What a value of this type is to be compared with, as a person writes it.
fn wanted(btf: &Btf<'_>, of: &Fetch, op: Op, words: &str) -> Result<Wanted, String> {
    let plan = value::Plan::new(btf, of.ty).map_err(|e| e.to_string())?;
    let mut bytes = plan.parse_vec(words).map_err(|e| e.to_string())?;
    match (of.value, op) {
        (Value::Number { size, signed }, _) => {
            let negative = signed && bytes.last().is_some_and(|last| last >> 7 != 0);
            bytes.resize(8, if negative { 0xff } else { 0 });
            let number = bytes.first_chunk().map(|b| u64::from_le_bytes(*b));
            number.ok_or_else(|| format!("{size} bytes"))
        }
        .map(Wanted::Number),
        (Value::Text(_), Op::Equal | Op::Other) => match bytes.iter().position(|byte| *byte == 0) {
            Some(end) => {
                bytes.truncate(end + 1);
                Ok(Wanted::Text(bytes))
            }
            None => Err("this is longer than it can be".into()),
        },
        (Value::Text(_), _) => Err("text is compared by == and != only".into()),
        (Value::Bytes(_), _) => Err("it is no number and no text".into()),
    }
}
