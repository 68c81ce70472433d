//! `--where`: which events are shown, by a field of theirs and a value in the words of its type.

use std::cmp::Ordering;

use btfly::value::Plan;

use super::super::Failure;

/// `FIELD=VALUE`, as it was written.
pub struct Condition<'c> {
    text: &'c str,
    field: &'c str,
    operator: Operator,
    value: &'c str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Other,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Text that has this in it.
    Contains,
}

use Operator::*;

/// The longer ones first: they begin as others do.
const OPERATORS: [(&str, Operator); 7] = [
    ("!=", Other),
    ("<=", LessOrEqual),
    (">=", GreaterOrEqual),
    ("=", Equal),
    ("<", Less),
    (">", Greater),
    ("~", Contains),
];

impl<'c> Condition<'c> {
    pub fn new(text: &'c str) -> Result<Condition<'c>, Failure> {
        let bad = || {
            Failure::usage(format!("--where {text}: it is written FIELD=VALUE")).with_hint(
                "instead of = there may be != < > <= >=, and ~ for text that has VALUE in it",
            )
        };
        let at = text.find(['!', '<', '>', '=', '~']).ok_or_else(bad)?;
        let (field, rest) = text.split_at(at);
        let found = OPERATORS.iter().find_map(|(written, operator)| {
            rest.strip_prefix(written).map(|value| (*operator, value))
        });
        let (operator, value) = found.filter(|_| !field.is_empty()).ok_or_else(bad)?;
        Ok(Condition {
            text,
            field,
            operator,
            value,
        })
    }

    /// What it asks of records of a type; `None`: they have no such field.
    pub fn of(&self, plan: &Plan) -> Result<Option<Test>, Failure> {
        let Some(field) = plan.field(self.field) else {
            return Ok(None);
        };
        let failed = |why: String| Failure::usage(format!("--where {}: {why}", self.text));
        if self.operator == Contains {
            if !field.is_text() {
                return Err(failed(format!("{} is no text", self.field)));
            }
            return Ok(Some(Test {
                field: self.field.into(),
                operator: Contains,
                value: self.value.into(),
            }));
        }
        let ordered = !matches!(self.operator, Equal | Other);
        if ordered && !field.is_number() {
            return Err(failed(format!("{} is no number", self.field)));
        }
        let value = match field.is_text() {
            true => self.value.into(),
            // A record in which only this field is set.
            false => {
                let bare = format!("{{{}: {}}}", self.field, self.value);
                let parsed = plan.parse_vec(&bare);
                parsed.map_err(|error| failed(error.to_string()))?
            }
        };
        Ok(Some(Test {
            field: self.field.into(),
            operator: self.operator,
            value,
        }))
    }

    /// That no type has the field.
    pub fn unknown<'n>(&self, names: impl Iterator<Item = &'n str>) -> Failure {
        let mut known: Vec<&str> = Vec::new();
        for name in names {
            if !known.contains(&name) {
                known.push(name);
            }
        }
        let what = format!("--where {}: no event has a field {}", self.text, self.field);
        Failure::usage(what).with_hint(match known.is_empty() {
            true => "their types are not known".into(),
            false => format!("they have {}", known.join(", ")),
        })
    }
}

/// What is asked of a record.
#[derive(Debug)]
pub struct Test {
    field: String,
    operator: Operator,
    /// The text, or a record with the value.
    value: Vec<u8>,
}

impl Test {
    /// Whether a record is as asked; not one that has no such field.
    pub fn holds(&self, plan: &Plan, record: &[u8]) -> bool {
        let Some(field) = plan.field(&self.field) else {
            return false;
        };
        if let Some(text) = field.text(record) {
            let wanted = self.value.as_slice();
            return match self.operator {
                Contains => wanted.is_empty() || text.windows(wanted.len()).any(|w| w == wanted),
                Other => text != wanted,
                _ => text == wanted,
            };
        }
        let Some(order) = field.compare(record, &self.value) else {
            return false;
        };
        match self.operator {
            Equal | Contains => order == Ordering::Equal,
            Other => order != Ordering::Equal,
            Less => order == Ordering::Less,
            LessOrEqual => order != Ordering::Greater,
            Greater => order == Ordering::Greater,
            GreaterOrEqual => order != Ordering::Less,
        }
    }
}

#[cfg(test)]
mod tests {
    use btfly::btf::Kind;
    use btfly::object::Object;

    use super::*;

    const VALUES: &[u8] = include_bytes!("../../../prebuilt/arm64/tests/values.bpf.o");
    const SIGNAL: &[u8] = include_bytes!("../../../prebuilt/arm64/signal.bpf.o");

    fn plan(object: &[u8]) -> Plan {
        let object = Object::parse(object).unwrap();
        let btf = object.btf.unwrap();
        Plan::new(&btf, btf.find(Kind::Struct, "event").unwrap()).unwrap()
    }

    #[test]
    fn records_are_told_by_a_field_in_the_words_of_its_type() {
        let plan = plan(SIGNAL);
        let record = plan
            .parse_vec("{pid: 70, comm: \"kill, it\", signal: SIGKILL, to_pid: 9, result: IGNORED}")
            .unwrap();
        for (text, expected) in [
            ("pid=70", true),
            ("pid=0x46", true),
            ("pid!=70", false),
            ("pid<71", true),
            ("pid<70", false),
            ("pid<=70", true),
            ("pid>=71", false),
            ("pid>69", true),
            ("signal=SIGKILL", true),
            ("signal=9", true),
            ("signal=TERM", false),
            ("signal!=SIGTERM", true),
            ("result=IGNORED", true),
            ("result=DELIVERED", false),
            ("comm=kill, it", true),
            ("comm=kill", false),
            ("comm!=kill", true),
            ("comm~l, i", true),
            ("comm~", true),
            ("comm~x", false),
        ] {
            let test = Condition::new(text).unwrap().of(&plan).unwrap().unwrap();
            assert_eq!(test.holds(&plan, &record), expected, "{text}");
        }
        let pid = Condition::new("to_pid=9")
            .unwrap()
            .of(&plan)
            .unwrap()
            .unwrap();
        assert!(
            !pid.holds(&plan, &record[..8]),
            "a record without the field"
        );
    }

    #[test]
    fn what_can_not_be_asked_is_refused() {
        let plan = plan(SIGNAL);
        for text in ["pid", "=3", "!pid", "pid!3", ""] {
            let reason = Condition::new(text).err().unwrap().reason();
            assert!(reason.contains("FIELD=VALUE"), "{reason}");
        }
        for (text, words) in [
            ("pid=x", "expected a number"),
            ("signal=NOTHING", "a signal such as SIGTERM"),
            ("comm>x", "comm is no number"),
            ("pid~7", "pid is no text"),
        ] {
            let reason = Condition::new(text)
                .unwrap()
                .of(&plan)
                .err()
                .unwrap()
                .reason();
            assert!(reason.contains(words), "{text}: {reason}");
        }
        assert!(
            Condition::new("nothing=1")
                .unwrap()
                .of(&plan)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn numbers_are_compared_as_they_are_meant() {
        let plan = plan(VALUES);
        let record = plan
            .parse_vec("{s32: -5, u64: 18446744073709551615, dport: 443, saddr: 10.0.0.1}")
            .unwrap();
        for (text, expected) in [
            ("s32<0", true),
            ("s32>-6", true),
            ("u64>9223372036854775808", true),
            ("dport=443", true),
            ("dport<444", true),
            ("saddr=10.0.0.1", true),
            ("saddr=10.0.0.2", false),
        ] {
            let test = Condition::new(text).unwrap().of(&plan).unwrap().unwrap();
            assert_eq!(test.holds(&plan, &record), expected, "{text}");
        }
    }
}
