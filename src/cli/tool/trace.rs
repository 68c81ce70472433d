//! `btfly trace`: what is told of a function of the kernel by its BTF, or of a tracepoint by tracefs, becomes
//! the type of the events of trace.bpf.c.

use btfly::object::Object;
use btfly::target::{FormatField, Kernel, Parameter, ParameterKind, Shape, tracepoint_fields};

use super::super::{Class, Failure};

// As in trace.bpf.c.
const ARGS: usize = 8;
const TEXTS: usize = 2;
const TEXT_LEN: usize = 64;
const RECORD_LEN: u32 = 256;

/// Parameters that are shown of a function that nothing is known of.
const UNKNOWN_ARGS: usize = 6;

/// What a place makes of the object.
pub struct Traced {
    /// For `run`: where to attach which program.
    pub words: Vec<String>,
    /// The event's struct, in C.
    pub types: String,
}

/// Tells the object what is at a place: `FUNCTION`, or `CATEGORY:NAME` for a tracepoint.
pub fn trace(place: &str, kernel: &Kernel, object: &mut Object<'_>) -> Result<Traced, Failure> {
    let (program, place, event) = match place.split_once([':', '/']) {
        Some((category, name)) => {
            let fields = tracepoint_fields(category, name).ok_or_else(|| none(category, name))?;
            let place = [category, "/", name].concat();
            ("tracepoint", place, Event::of_record(&fields))
        }
        None => {
            let known = kernel.parameters(place);
            let known = known.map_err(|error| Failure::other(error.to_string()))?;
            (
                "function",
                place.to_owned(),
                Event::of_call(known.as_deref()),
            )
        }
    };
    event.tell(object);
    Ok(Traced {
        words: vec![
            "--attach".into(),
            [program, "=", &place].concat(),
            "--prog".into(),
            program.into(),
        ],
        types: event.declaration(),
    })
}

fn none(category: &str, name: &str) -> Failure {
    let what = format!("there is no tracepoint {category}:{name}, or tracefs can't be read");
    Failure::new(Class::Missing, what)
        .with_hint("they are the folders of /sys/kernel/tracing/events, which root can read")
}

/// An event: what the program is told, and how what it sends is shown.
#[derive(Debug, Default)]
struct Event {
    shift: [u8; ARGS],
    signed: [u8; ARGS],
    text_arg: [u8; TEXTS],
    text_behind: [u32; TEXTS],
    text_at: [u32; TEXTS],
    /// Declarations in C, in the order of memory.
    fields: Vec<String>,
    names: Vec<String>,
    texts: Vec<String>,
}

impl Event {
    fn new() -> Event {
        Event {
            text_arg: [0xff; TEXTS],
            ..Event::default()
        }
    }

    fn of_call(parameters: Option<&[Parameter]>) -> Event {
        let mut event = Event::new();
        let unknown = || {
            vec![
                Parameter {
                    name: String::new(),
                    kind: ParameterKind::Pointer,
                };
                UNKNOWN_ARGS
            ]
        };
        let parameters = parameters.map_or_else(unknown, <[Parameter]>::to_vec);
        // Where one is larger than a register, those behind it are nobody knows where.
        let small = |parameter: &&Parameter| parameter.kind != ParameterKind::Large;
        let mut used = 0;
        for (at, parameter) in parameters.iter().take(ARGS).take_while(small).enumerate() {
            let name = event.name(&parameter.name, at);
            used += 1;
            match parameter.kind {
                ParameterKind::Number { size, signed } => {
                    let bits = 64u32.saturating_sub(size.saturating_mul(8));
                    put(&mut event.shift, at, bits as u8);
                    put(&mut event.signed, at, u8::from(signed));
                    let ty = if signed { "__s64" } else { "__u64" };
                    event.fields.push(format!("{ty} {name};"));
                }
                ParameterKind::Text | ParameterKind::Named(_) if event.texts.len() < TEXTS => {
                    let text = event.texts.len();
                    put(&mut event.text_arg, text, at as u8);
                    if let ParameterKind::Named(offset) = parameter.kind {
                        put(&mut event.text_behind, text, offset.saturating_add(1));
                    }
                    event.texts.push(name);
                    event.pad(8);
                }
                _ => event.fields.push(format!("void *{name};")),
            }
        }
        event.pad((ARGS as u32 - used) * 8);
        event
    }

    fn of_record(fields: &[FormatField]) -> Event {
        let mut event = Event::new();
        let own = fields
            .iter()
            .filter(|field| !field.name.starts_with("common_"));
        let mut own: Vec<&FormatField> = own.collect();
        own.sort_by_key(|field| field.offset);
        let mut next = 0;
        for (index, field) in own.into_iter().enumerate() {
            let end = field.offset.saturating_add(field.size);
            // Beyond is what is not sent.
            if field.offset < next || end > RECORD_LEN {
                continue;
            }
            event.pad(field.offset - next);
            next = end;
            if let Some(name) = field.name.strip_prefix("__data_loc_") {
                if event.texts.len() < TEXTS && field.size == 4 {
                    put(&mut event.text_at, event.texts.len(), field.offset);
                    let name = event.name(name, index);
                    event.texts.push(name);
                }
                event.pad(field.size);
                continue;
            }
            let name = event.name(&field.name, index);
            let sign = if field.signed { 's' } else { 'u' };
            let declared = match (field.shape, field.size) {
                (Shape::Number | Shape::Enum, 1 | 2 | 4 | 8) => {
                    Some(format!("__{sign}{} {name};", field.size * 8))
                }
                (Shape::Pointer, 8) => Some(format!("void *{name};")),
                // An address is no text.
                (Shape::Array(1), size) if name.contains("addr") => {
                    Some(format!("__u8 {name}[{size}];"))
                }
                (Shape::Array(1), size) => Some(format!("char {name}[{size}];")),
                (Shape::Array(each @ (2 | 4 | 8)), size) => {
                    Some(format!("__{sign}{} {name}[{}];", each * 8, size / each))
                }
                _ => None,
            };
            match declared {
                Some(declared) => event.fields.push(declared),
                None => event.pad(field.size),
            }
        }
        event.pad(RECORD_LEN - next);
        event
    }

    /// A name that C takes, and that no other field has.
    fn name(&mut self, name: &str, index: usize) -> String {
        let fits = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && !self.names.iter().any(|other| other == name);
        let name = match fits {
            true => name.to_owned(),
            false => format!("arg{index}"),
        };
        self.names.push(name.clone());
        name
    }

    /// So many bytes that are not shown.
    fn pad(&mut self, bytes: u32) {
        self.fields
            .extend((0..bytes / 8).map(|_| "__u64 :64;".to_owned()));
        self.fields
            .extend((0..bytes % 8).map(|_| "__u8 :8;".to_owned()));
    }

    fn declaration(&self) -> String {
        let mut text = String::from("struct event {\n");
        // A field of the same name is what the place itself tells.
        for (ty, name, len) in [
            ("__u32", "pid", ""),
            ("__u32", "tid", ""),
            ("char", "comm", "[16]"),
        ] {
            let current = match self.names.iter().any(|other| other == name) {
                true => "current_",
                false => "",
            };
            text.push_str(&format!("{ty} {current}{name}{len};\n"));
        }
        for field in &self.fields {
            text.push_str(field);
            text.push('\n');
        }
        for name in &self.texts {
            text.push_str(&format!("char {name}[{TEXT_LEN}];\n"));
        }
        text.push_str("} __attribute__((packed));\n");
        text
    }

    fn tell(&self, object: &mut Object<'_>) {
        let words =
            |words: &[u32]| -> Vec<u8> { words.iter().flat_map(|w| w.to_le_bytes()).collect() };
        for (name, bytes) in [
            ("arg_shift", self.shift.to_vec()),
            ("arg_signed", self.signed.to_vec()),
            ("text_arg", self.text_arg.to_vec()),
            ("text_behind", words(&self.text_behind)),
            ("text_at", words(&self.text_at)),
        ] {
            // A test holds that they are there.
            if let Some(place) = object.global_mut(name)
                && place.len() == bytes.len()
            {
                place.copy_from_slice(&bytes);
            }
        }
    }
}

fn put<T>(list: &mut [T], at: usize, value: T) {
    if let Some(place) = list.get_mut(at) {
        *place = value;
    }
}

#[cfg(test)]
mod tests {
    use btfly::btf::{Btf, Kind, declare};
    use btfly::value::Plan;

    use super::*;

    /// The fields that are shown, and where they lie.
    fn shown(event: &Event, bytes: usize) -> Vec<String> {
        let text = event.declaration();
        let types = declare(&text, None).unwrap_or_else(|error| panic!("{error}: {text}"));
        let btf = Btf::parse(&types).unwrap();
        let plan = Plan::new(&btf, btf.find(Kind::Struct, "event").unwrap()).unwrap();
        let texts = event.texts.len() * TEXT_LEN;
        assert_eq!(plan.size(), 24 + bytes + texts, "{text}");
        plan.fields().map(|field| field.name.to_owned()).collect()
    }

    fn parameter(name: &str, kind: ParameterKind) -> Parameter {
        Parameter {
            name: name.into(),
            kind,
        }
    }

    #[test]
    fn a_call_is_shown_by_its_parameters() {
        let number = |size, signed| ParameterKind::Number { size, signed };
        let parameters = [
            parameter("dfd", number(4, true)),
            parameter("name", ParameterKind::Named(0)),
            parameter("flags", number(8, false)),
            parameter("", ParameterKind::Pointer),
            parameter("what", ParameterKind::Text),
            parameter("more", ParameterKind::Text),
            parameter("pair", ParameterKind::Large),
            parameter("behind", number(8, false)),
        ];
        let event = Event::of_call(Some(&parameters));
        let fields = shown(&event, ARGS * 8);
        let expected = [
            "pid", "tid", "comm", "dfd", "flags", "arg3", "more", "name", "what",
        ];
        assert_eq!(fields, expected);
        assert_eq!(event.shift, [32, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(event.signed, [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!((event.text_arg, event.text_behind), ([1, 4], [1, 0]));
    }

    #[test]
    fn a_call_of_which_nothing_is_known_is_shown_by_its_registers() {
        let fields = shown(&Event::of_call(None), ARGS * 8);
        let expected = [
            "pid", "tid", "comm", "arg0", "arg1", "arg2", "arg3", "arg4", "arg5",
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn a_record_is_shown_by_its_format() {
        let field = |name: &str, offset, size, shape| FormatField {
            name: name.into(),
            offset,
            size,
            signed: true,
            shape,
        };
        let event = Event::of_record(&[
            field("common_type", 0, 2, Shape::Number),
            field("comm", 8, 16, Shape::Array(1)),
            field("pid", 24, 4, Shape::Number),
            field("state", 32, 8, Shape::Number),
            field("saddr", 40, 16, Shape::Array(1)),
            field("__data_loc_filename", 56, 4, Shape::Number),
            field("args", 64, 48, Shape::Array(8)),
            field("odd", 112, 12, Shape::Struct),
            field("where", 124, 8, Shape::Pointer),
            field("beyond", 250, 8, Shape::Number),
        ]);
        let fields = shown(&event, RECORD_LEN as usize);
        let expected = [
            "current_pid",
            "tid",
            "current_comm",
            "comm",
            "pid",
            "state",
            "saddr",
            "args",
            "where",
            "filename",
        ];
        assert_eq!(fields, expected);
        assert_eq!(event.text_at, [56, 0]);
    }

    #[test]
    fn the_object_has_all_that_it_is_told() {
        let object = include_bytes!("../../../prebuilt/arm64/trace.bpf.o");
        let mut object = Object::parse(object).unwrap();
        let event = Event {
            shift: [1; ARGS],
            signed: [1; ARGS],
            text_arg: [1; TEXTS],
            text_behind: [1; TEXTS],
            text_at: [1; TEXTS],
            ..Event::new()
        };
        event.tell(&mut object);
        for name in [
            "arg_shift",
            "arg_signed",
            "text_arg",
            "text_behind",
            "text_at",
        ] {
            let bytes = object.global_mut(name).unwrap();
            assert!(bytes.contains(&1), "{name}");
        }
    }
}
