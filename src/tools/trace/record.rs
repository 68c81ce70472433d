//! The fields of a tracepoint's record, as tracefs describes them.

use btfly::btf::{Encoder, Kind};
use btfly::target::{FormatField, Shape};

use super::fetch::{End, Fetch, MOST, Start, TEXT, Value};
use super::types;

/// What stands before the name of a field that tells where a text is, behind the record.
const TOLD: &str = "__data_loc_";
const TOLD_BEHIND: &str = "__rel_loc_";

/// The name that people know.
pub fn name(field: &FormatField) -> &str {
    let name = &*field.name;
    let plain = name.strip_prefix(TOLD).or(name.strip_prefix(TOLD_BEHIND));
    plain.unwrap_or(name)
}

/// Whether programs can read it: the head of each record is the kernel's.
pub fn is_own(field: &FormatField) -> bool {
    !field.name.starts_with("common_")
}

/// How a field is fetched; `None` for one too large to be shown.
pub fn fetch(field: &FormatField, out: &mut Encoder) -> Option<Fetch> {
    let FormatField {
        offset: at,
        size,
        signed,
        ..
    } = *field;
    let words = || field.declared.split([' ', '*', '[', ']']);
    let is_text = words().any(|word| word == "char") && words().all(|word| word != "unsigned");
    let told = match field.name.starts_with(TOLD) {
        true => Some(Start::Told(at)),
        false => field
            .name
            .starts_with(TOLD_BEHIND)
            .then_some(Start::ToldBehind(at)),
    };
    let way = |start, end, value, ty| {
        Some(Fetch {
            start,
            steps: Vec::new(),
            end,
            value,
            ty,
        })
    };
    let memory = End::Memory(0);
    match (told, field.shape) {
        (Some(start), _) if is_text => {
            way(start, memory, Value::Text(TEXT), types::text(out, TEXT))
        }
        (None, Shape::Array(1)) if is_text => {
            let size = size.min(MOST);
            let ty = types::text(out, size);
            way(Start::Record(at), memory, Value::Text(size), ty)
        }
        (None, Shape::Pointer) if is_text => {
            let ty = types::text(out, TEXT);
            way(Start::Context(at), memory, Value::Text(TEXT), ty)
        }
        (_, Shape::Pointer | Shape::Number | Shape::Enum) => {
            let number = match field.shape {
                Shape::Pointer => types::pointer(out),
                _ => types::number(out, size, signed),
            };
            // A typedef may tell what a number means.
            let is_typedef = field.declared.ends_with("_t") && !field.declared.contains(' ');
            let ty = match is_typedef {
                true => out.plain(Kind::Typedef, &field.declared, number.0),
                false => number,
            };
            let value = Value::Number { size, signed };
            match matches!(size, 1 | 2 | 4 | 8) && at.is_multiple_of(size) {
                true => way(Start::Context(at), End::Here, value, ty),
                false if matches!(size, 1 | 2 | 4 | 8) => way(Start::Record(at), memory, value, ty),
                false => None,
            }
        }
        (_, Shape::Array(element @ (2 | 4 | 8))) if size <= MOST => {
            let number = types::number(out, element, signed);
            let ty = out.array(number, size / element);
            way(Start::Record(at), memory, Value::Bytes(size), ty)
        }
        _ if size <= MOST && size > 0 => {
            let ty = types::bytes(out, size);
            way(Start::Record(at), memory, Value::Bytes(size), ty)
        }
        _ => None,
    }
}
