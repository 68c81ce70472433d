//! Objects and words as they are kept in the binary: packed, by `build.rs`, the objects without their lines.

use super::{Data, Options, Tool, Work};

/// The object of a tool, packed.
pub struct Packed(pub Place);

/// Where it is in what is packed, and how long.
pub type Place = (usize, usize);

/// Takes the object `NAME.bpf.o` of `prebuilt/arm64` into the binary, where it is packed with all others.
macro_rules! packed {
    ($name:literal) => {
        $crate::tools::packed::Packed(include!(concat!(env!("OUT_DIR"), "/", $name)))
    };
}
pub(super) use packed;

static ALL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/packed.lzma2"));

/// The words of the tools that are described.
const WORDS: Packed = Packed(include!(concat!(env!("OUT_DIR"), "/words")));

/// Bytes of all together, and some more.
const WINDOW: u32 = include!(concat!(env!("OUT_DIR"), "/window"));

impl Packed {
    /// The bytes. They stay until the program ends.
    pub fn unpack(&self) -> &'static [u8] {
        // What the build packed can be unpacked; a test does it with each.
        self.bytes().unwrap_or_default().leak()
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        use lzma_rust2::{Lzma2Reader, Read};
        let (at, len) = self.0;
        let mut reader = Lzma2Reader::new(ALL, WINDOW, None);
        // What is before it is gone through, a piece at a time, and not kept.
        let mut passed = [0; 1024];
        let mut left = at;
        while left > 0 {
            let piece = passed.get_mut(..left.min(1024))?;
            left -= piece.len();
            reader.read_exact(piece).ok()?;
        }
        let mut bytes = vec![0; len];
        reader.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// The tools that are described in words (`described.rs`): of each where its object is, and the parts of its
/// words.
pub fn described() -> impl Iterator<Item = Tool> {
    let words = core::str::from_utf8(WORDS.unpack()).unwrap_or_default();
    words.split_terminator('\x01').filter_map(tool)
}

fn tool(words: &'static str) -> Option<Tool> {
    let mut parts = words.splitn(12, '\0');
    let mut next = || parts.next();
    let object = Packed((next()?.parse().ok()?, next()?.parse().ok()?));
    let (name, alias, about) = (next()?, next()?, next()?);
    let (words, shows) = (next()?, next()?);
    let place = (next()?, next()?);
    Some(Tool {
        name,
        alias,
        about,
        object,
        work: Work::Data(Data {
            words,
            shows,
            place: (!place.0.is_empty()).then_some(place),
            interval: next()?,
            without_types: next()?,
            options: Options(next()?),
        }),
    })
}

#[cfg(test)]
mod tests {
    use btfly::btf::Types;
    use btfly::object::Object;

    use crate::tools::all;

    /// All that a loader sees of an object but for its lines.
    fn told(object: &Object<'_>) -> String {
        let btf = object.btf.as_ref().unwrap();
        let names = btf.ids().map(|id| {
            let header = btf.header(id).unwrap();
            (btf.str_at(header.name), header.kind, header.vlen)
        });
        let names: Vec<_> = names.collect();
        // What is accessed is a string, which may lie elsewhere.
        let mut code = object.code.clone();
        let relocations = code.iter_mut().flat_map(|code| &mut code.relocations);
        let accesses: Vec<_> = relocations
            .map(|relo| btf.str_at(std::mem::take(&mut relo.access)))
            .collect();
        let Object {
            license,
            functions,
            programs,
            maps,
            globals,
            ..
        } = object;
        format!(
            "{license} {code:?} {accesses:?} {functions:?} {programs:?} {maps:?} {globals:?} {names:?}"
        )
    }

    #[test]
    fn every_object_is_what_was_built_but_for_its_lines() {
        for tool in all() {
            let path = format!("prebuilt/arm64/{}.bpf.o", tool.name);
            let built = std::fs::read(path).unwrap();
            let (built, packed) = (Object::parse(&built).unwrap(), tool.object.unpack());
            let packed = Object::parse(packed).unwrap();
            // Not by assert_eq, which would print both: pages.
            assert!(told(&packed) == told(&built), "{}", tool.name);
            let has_lines = |object: &Object<'_>| {
                (0..object.code.len()).any(|code| object.source_line(code, 0).is_some())
            };
            assert!(has_lines(&built) && !has_lines(&packed), "{}", tool.name);
        }
    }
}
