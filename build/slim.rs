//! Objects without what only explains them: lines of their sources, which are half of an object. Whoever writes a
//! program wants to be told its lines; nobody who runs a tool does.
//!
//! Objects are our own, as clang makes them: what is not as expected ends the build.

/// Bytes of the headers of ELF64, and of those of BTF and .BTF.ext.
const ELF: usize = 64;
const SECTION: usize = 64;
const BTF: usize = 24;
const EXT: usize = 32;

const SHT_NULL: u32 = 0;
const SHT_NOBITS: u32 = 8;
/// For linkers alone.
const SHT_LLVM_ADDRSIG: u32 = 0x6fff_4c03;

/// The object with its code, its types, and the relocations of both.
pub fn slim(object: &[u8]) -> Vec<u8> {
    let mut sections = sections(object);
    let names = sections[half(object, 62)].bytes.clone();
    let find = |sections: &[Section], name: &str| {
        let is_named = |s: &Section| text(&names, word(&s.header, 0)) == name.as_bytes();
        sections.iter().position(is_named)
    };
    let (btf, ext) = (find(&sections, ".BTF"), find(&sections, ".BTF.ext"));
    if let (Some(btf), Some(ext)) = (btf, ext) {
        let (types, records) = without_lines(&sections[btf].bytes, &sections[ext].bytes);
        sections[btf].bytes = types;
        sections[ext].bytes = records;
    }
    let mut out = object[..ELF].to_vec();
    for section in &mut sections {
        let kind = word(&section.header, 4);
        if kind == SHT_LLVM_ADDRSIG {
            section.bytes.clear();
        }
        if kind == SHT_NULL || kind == SHT_NOBITS {
            continue;
        }
        let align = long(&section.header, 48).max(1);
        out.resize(out.len().next_multiple_of(align), 0);
        put_long(&mut section.header, 24, out.len());
        put_long(&mut section.header, 32, section.bytes.len());
        out.extend_from_slice(&section.bytes);
    }
    out.resize(out.len().next_multiple_of(8), 0);
    let table = out.len();
    put_long(&mut out, 40, table);
    for section in &sections {
        out.extend_from_slice(&section.header);
    }
    out
}

struct Section {
    header: Vec<u8>,
    bytes: Vec<u8>,
}

fn sections(object: &[u8]) -> Vec<Section> {
    let table = long(object, 40);
    let headers = object[table..].chunks_exact(SECTION).take(half(object, 60));
    let sections = headers.map(|header| {
        let (at, len) = (long(header, 24), long(header, 32));
        let bytes = match word(header, 4) {
            SHT_NULL | SHT_NOBITS => Vec::new(),
            _ => object[at..at + len].to_vec(),
        };
        Section {
            header: header.to_vec(),
            bytes,
        }
    });
    sections.collect()
}

/// .BTF and .BTF.ext without the records of lines, and without the strings that nothing else has.
fn without_lines(btf: &[u8], ext: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let part = |bytes: &[u8], field: usize| {
        let at = word(bytes, 4) as usize + word(bytes, field) as usize;
        bytes[at..at + word(bytes, field + 4) as usize].to_vec()
    };
    let (mut types, strings) = (part(btf, 8), part(btf, 16));
    let (mut functions, mut relocations) = (part(ext, 8), part(ext, 24));
    let mut kept = Strings {
        old: &strings,
        new: vec![0],
    };
    for at in names_of(&types) {
        kept.keep(&mut types, at);
    }
    for at in names_in(&functions, None) {
        kept.keep(&mut functions, at);
    }
    for at in names_in(&relocations, Some(8)) {
        kept.keep(&mut relocations, at);
    }
    let header = |magic: &[u8], lengths: &[usize]| {
        let mut header = magic[..4].to_vec();
        let mut at = 0;
        put(&mut header, 4 + 4 + lengths.len() * 8);
        for len in lengths {
            put(&mut header, at);
            put(&mut header, *len);
            at += len;
        }
        header
    };
    let mut out = header(btf, &[types.len(), kept.new.len()]);
    assert_eq!(out.len(), BTF);
    out.extend(types);
    out.extend(kept.new);
    let mut records = header(ext, &[functions.len(), 0, relocations.len()]);
    assert_eq!(records.len(), EXT);
    records.extend(functions);
    records.extend(relocations);
    (out, records)
}

struct Strings<'s> {
    old: &'s [u8],
    new: Vec<u8>,
}

impl Strings<'_> {
    /// Gives the name that `bytes` refers to at `at` its place among those that are kept.
    fn keep(&mut self, bytes: &mut [u8], at: usize) {
        let name = text(self.old, word(bytes, at));
        let ended = [name, b"\0"].concat();
        // One that ends like another is the end of that one.
        let found = self.new.windows(ended.len()).position(|w| w == ended);
        let place = found.unwrap_or_else(|| {
            self.new.extend_from_slice(&ended);
            self.new.len() - ended.len()
        });
        bytes[at..at + 4].copy_from_slice(&(place as u32).to_le_bytes());
    }
}

/// Where types, members and enumerators have their names.
fn names_of(types: &[u8]) -> Vec<usize> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < types.len() {
        names.push(at);
        let info = word(types, at + 4);
        let (kind, count) = (info >> 24 & 0x1f, (info & 0xffff) as usize);
        at += 12;
        // How long what follows is, and how long each part of it that begins with a name.
        let (len, each) = match kind {
            1 | 14 | 17 => (4, 0),
            3 => (12, 0),
            4 | 5 | 19 => (count * 12, 12),
            6 | 13 => (count * 8, 8),
            15 => (count * 12, 0),
            2 | 7..=12 | 16 | 18 => (0, 0),
            _ => panic!("a type of kind {kind}"),
        };
        if each > 0 {
            names.extend((at..at + len).step_by(each));
        }
        at += len;
    }
    names
}

/// Where records of .BTF.ext have names: their sections, and `field` of each.
fn names_in(records: &[u8], field: Option<usize>) -> Vec<usize> {
    let mut names = Vec::new();
    if records.is_empty() {
        return names;
    }
    let size = word(records, 0) as usize;
    let mut at = 4;
    while at < records.len() {
        names.push(at);
        let count = word(records, at + 4) as usize;
        at += 8;
        let each = (0..count).map(|index| at + index * size);
        names.extend(
            field
                .iter()
                .flat_map(|field| each.clone().map(move |at| at + field)),
        );
        at += count * size;
    }
    names
}

fn text(strings: &[u8], at: u32) -> &[u8] {
    let rest = &strings[at as usize..];
    let len = rest.iter().position(|byte| *byte == 0);
    &rest[..len.expect("an end of the string")]
}

fn half(bytes: &[u8], at: usize) -> usize {
    u16::from_le_bytes([bytes[at], bytes[at + 1]]).into()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes[at..].first_chunk();
    u32::from_le_bytes(*word.expect("four bytes"))
}

fn long(bytes: &[u8], at: usize) -> usize {
    let long = bytes[at..].first_chunk();
    u64::from_le_bytes(*long.expect("eight bytes")) as usize
}

fn put_long(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
}

fn put(bytes: &mut Vec<u8>, value: usize) {
    bytes.extend_from_slice(&(value as u32).to_le_bytes());
}
