//! Objects and words as they are kept in the binary: packed, by `build.rs`, the objects without their lines.

use btfly::sys::lzma::Unpacker;

use super::{Data, Options, Tool, Work};

/// The object of a tool.
pub enum Packed {
    At(Place),
    Unpacked(&'static [u8]),
}

/// Where it is in what is packed, and how long.
pub type Place = (usize, usize);

/// Takes the object `NAME.bpf.o` of `prebuilt/arm64` into the binary, where it is packed with all others.
macro_rules! packed {
    ($name:literal) => {
        $crate::tools::packed::Packed::At(include!(concat!(env!("OUT_DIR"), "/", $name)))
    };
}
pub(super) use packed;

static ALL: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/packed.lzma"));

/// Bytes of all together.
const LEN: usize = include!(concat!(env!("OUT_DIR"), "/len"));

/// Bytes that are unpacked at once where it is not known how many are needed.
const STEP: usize = 128;

impl Packed {
    /// The bytes. They stay until the program ends.
    pub fn unpack(&self) -> &'static [u8] {
        let (at, len) = match *self {
            Packed::At(place) => place,
            Packed::Unpacked(bytes) => return bytes,
        };
        let tools = Tools::new();
        // What the build packed can be unpacked; a test does it with each.
        let bytes = tools.and_then(|mut tools| {
            tools.at = at;
            tools.take(len)
        });
        bytes.unwrap_or_default()
    }
}

/// The tools that are described in words (`described.rs`), one after the other: of each the words, and behind them
/// its object. Whoever wants one need not unpack those behind it.
pub struct Tools {
    unpacker: Unpacker<'static>,
    /// All of them, as far as they are unpacked. No memory is taken for the others.
    all: Vec<u8>,
    /// Where the next one begins.
    at: usize,
    /// How many bytes are unpacked.
    done: usize,
}

impl Tools {
    /// `None` where what was packed can't be unpacked.
    pub fn new() -> Option<Tools> {
        Some(Tools {
            unpacker: Unpacker::new(ALL)?,
            all: vec![0; LEN],
            at: 0,
            done: 0,
        })
    }

    /// The next one whose name or alias is wanted, and its place among all.
    pub fn find(&mut self, wanted: &dyn Fn(&str) -> bool) -> Option<(usize, Tool)> {
        loop {
            let start = self.at;
            let mut end = start;
            while *self.upto(end + 1)?.get(end)? != 1 {
                end += 1;
            }
            let words = self.all.get(start..end)?;
            self.at = end + 1;
            let words = core::str::from_utf8(words.to_vec().leak()).ok()?;
            let mut parts = words.splitn(12, '\0');
            let mut next = || parts.next();
            let (place, len) = (next()?.parse().ok()?, next()?.parse().ok()?);
            let (name, alias) = (next()?, next()?);
            if !wanted(name) && !wanted(alias) {
                self.at += len;
                continue;
            }
            let about = next()?;
            let (words, shows) = (next()?, next()?);
            let hook = (next()?, next()?);
            let work = Work::Data(Data {
                words,
                shows,
                place: (!hook.0.is_empty()).then_some(hook),
                interval: next()?,
                without_types: next()?,
                options: Options(next()?),
            });
            let object = Packed::Unpacked(self.take(len)?);
            let tool = Tool {
                name,
                alias,
                about,
                object,
                work,
            };
            return Some((place, tool));
        }
    }

    /// What is unpacked, as many bytes as `to` at least.
    fn upto(&mut self, to: usize) -> Option<&[u8]> {
        if to > self.done {
            let to = self.all.len().min(to.max(self.done + STEP));
            self.unpacker.unpack(&mut self.all, to)?;
            self.done = to;
        }
        Some(&self.all)
    }

    fn take(&mut self, len: usize) -> Option<&'static [u8]> {
        let (start, end) = (self.at, self.at.checked_add(len)?);
        self.at = end;
        Some(self.upto(end)?.get(start..end)?.to_vec().leak())
    }
}

#[cfg(test)]
mod tests {
    use btfly::btf::Types;
    use btfly::object::Object;

    use crate::tools::{all, find};

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
    fn a_tool_is_found_by_each_of_its_names() {
        for tool in all() {
            for name in [tool.name, tool.alias] {
                let found = find(name).unwrap();
                assert_eq!((found.name, found.about), (tool.name, tool.about));
                assert!(found.object.unpack() == tool.object.unpack(), "{name}");
            }
        }
        assert!(find("").is_none() && find("exe").is_none());
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
