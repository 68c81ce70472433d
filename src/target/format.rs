//! A tracepoint's `format` file: what tracefs says of the record that its programs are given.

use crate::sys::tracefs::Tracefs;

/// A field of a tracepoint's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatField {
    /// Its name.
    pub name: String,
    /// Bytes from the start of the record.
    pub offset: u32,
    /// Size in bytes.
    pub size: u32,
    /// Whether its type is signed.
    pub signed: bool,
    /// What C makes of it.
    pub shape: Shape,
    /// Its type, as it is declared: `pid_t`, `const char *`, `__data_loc char[]`.
    pub declared: String,
}

/// What a field is, as far as its declaration says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number.
    Number,
    /// A pointer.
    Pointer,
    /// An array of elements of so many bytes.
    Array(u32),
    /// A number of an enum.
    Enum,
    /// A struct, or anything else that is no number.
    Struct,
}

/// Reads the fields of tracepoint `category/name`, the common ones among them. `None` where tracefs
/// or the tracepoint is not there.
pub fn tracepoint_fields(category: &str, name: &str) -> Option<Vec<FormatField>> {
    let text = Tracefs::find()?.tracepoint_format(category, name).ok()?;
    Some(parse(&text))
}

/// Lines such as `field:pid_t child_pid; offset:44; size:4; signed:1;`; all others are passed over.
pub(super) fn parse(text: &[u8]) -> Vec<FormatField> {
    let text = core::str::from_utf8(text).unwrap_or_default();
    text.lines().filter_map(field).collect()
}

fn field(line: &str) -> Option<FormatField> {
    let mut parts = line.split(';').map(str::trim_ascii);
    let declaration = parts.next()?.strip_prefix("field:")?;
    let (ty, name) = array(declaration).0.rsplit_once(' ')?;
    let name = name.trim_start_matches('*');
    // A string behind the record: the member holds its place there.
    let name = match ty.split(' ').next()? {
        place @ ("__data_loc" | "__rel_loc") => [place, "_", name].concat(),
        _ => name.into(),
    };
    let (mut offset, mut size, mut signed) = (None, None, false);
    for part in parts {
        match part.split_once(':') {
            Some(("offset", n)) => offset = n.parse().ok(),
            Some(("size", n)) => size = n.parse().ok(),
            Some(("signed", n)) => signed = n == "1",
            _ => {}
        }
    }
    let size = size?;
    Some(FormatField {
        name,
        offset: offset?,
        size,
        signed,
        shape: shape(declaration, size),
        declared: ty.into(),
    })
}

/// A declaration, and its length where it is an array: that follows the name in brackets.
fn array(declaration: &str) -> (&str, Option<&str>) {
    let array = declaration.strip_suffix(']');
    match array.and_then(|array| array.rsplit_once('[')) {
        Some((of, len)) => (of.trim_ascii_end(), Some(len)),
        None => (declaration, None),
    }
}

/// What a field of `size` bytes is.
fn shape(declaration: &str, size: u32) -> Shape {
    let (of, len) = array(declaration);
    let pointer = of
        .rsplit_once(' ')
        .is_some_and(|(ty, name)| name.starts_with('*') || ty.ends_with('*'));
    match len {
        // A length that is no number is a name that this kernel did not resolve.
        Some(len) if pointer || len.parse() == Ok(0u32) => Shape::Array(8),
        Some(len) => Shape::Array(len.parse().map_or(1, |len: u32| size / len.max(1))),
        None if pointer => Shape::Pointer,
        None if of.starts_with("enum ") => Shape::Enum,
        None if matches!(size, 1 | 2 | 4 | 8) => Shape::Number,
        None => Shape::Struct,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_with_their_place_and_arrays_by_their_name() {
        let text = "name: sched_process_fork\nID: 310\nformat:\n\
            \tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
            \tfield:char parent_comm[16];\toffset:8;\tsize:16;\tsigned:0;\n\
            \tfield:pid_t child_pid;\toffset:44;\tsize:4;\tsigned:1;\n\
            \tfield:const char * name;\toffset:48;\tsize:8;\tsigned:0;\n\n\
            print fmt: \"comm=%s\", REC->parent_comm\n";
        let fields = parse(text.as_bytes());
        let found: Vec<_> = fields
            .iter()
            .map(|f| (f.name.as_str(), f.offset, f.size, f.signed))
            .collect();
        assert_eq!(
            found,
            [
                ("common_type", 0, 2, false),
                ("parent_comm", 8, 16, false),
                ("child_pid", 44, 4, true),
                ("name", 48, 8, false),
            ]
        );
    }

    #[test]
    fn damaged_lines_are_passed_over() {
        assert!(parse(b"field:int x\nfield:int x; offset:z;\nfield:;\n").is_empty());
    }

    #[test]
    fn a_declaration_says_what_the_field_is() {
        for (declaration, size, name, shape) in [
            ("unsigned long args[6]", 48, "args", Shape::Array(8)),
            ("char comm[TASK_COMM_LEN]", 16, "comm", Shape::Array(1)),
            ("const char * name", 8, "name", Shape::Pointer),
            ("void *ptr", 8, "ptr", Shape::Pointer),
            ("enum lru_list lru", 4, "lru", Shape::Enum),
            (
                "__data_loc char[] filename",
                4,
                "__data_loc_filename",
                Shape::Number,
            ),
            ("struct guid guid", 16, "guid", Shape::Struct),
            ("gfp_t gfp_flags", 4, "gfp_flags", Shape::Number),
        ] {
            let line = format!("field:{declaration};\toffset:8;\tsize:{size};\tsigned:0;\n");
            let field = parse(line.as_bytes()).remove(0);
            assert_eq!((&*field.name, field.shape), (name, shape), "{declaration}");
        }
    }
}
