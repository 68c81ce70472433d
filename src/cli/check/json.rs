//! The verdicts as one JSON document.

use btfly::value::escape_json;

use super::Row;

/// `{"results":[{"object":…,"kernel":…,"verdict":…,"why":…,"missing":[…],"unknown":[…],
/// "programs":[{"name":…,"section":…,"instructions":…}]}]}` and a newline. The README describes it.
pub fn document(rows: &[Row<'_>]) -> String {
    let mut out = Vec::from(b"{\"results\":[");
    list(&mut out, rows, |out, row| {
        out.extend_from_slice(b"{\"object\":");
        text(out, row.object);
        out.extend_from_slice(b",\"kernel\":");
        text(out, &row.kernel.label);
        out.extend_from_slice(b",\"verdict\":");
        text(out, row.verdict.name());
        out.extend_from_slice(b",\"why\":");
        match &row.why {
            Some(why) => text(out, why),
            None => out.extend_from_slice(b"null"),
        }
        for (name, names) in [("missing", &row.missing), ("unknown", &row.unknown)] {
            out.push(b',');
            text(out, name);
            out.extend_from_slice(b":[");
            list(out, names, |out, name| text(out, name));
            out.push(b']');
        }
        out.extend_from_slice(b",\"programs\":[");
        list(out, &row.programs, |out, (name, section, insns)| {
            out.extend_from_slice(b"{\"name\":");
            text(out, name);
            out.extend_from_slice(b",\"section\":");
            text(out, section);
            out.extend_from_slice(b",\"instructions\":");
            out.extend_from_slice(insns.to_string().as_bytes());
            out.push(b'}');
        });
        out.extend_from_slice(b"]}");
    });
    out.extend_from_slice(b"]}\n");
    String::from_utf8_lossy(&out).into_owned()
}

fn list<T>(out: &mut Vec<u8>, of: &[T], each: impl Fn(&mut Vec<u8>, &T)) {
    for (at, one) in of.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(out, one);
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape_json(text.as_bytes(), out);
    out.push(b'"');
}
