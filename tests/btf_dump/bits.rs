//! What a compiler makes of a kernel's header, beside the kernel's own types: bitfields have no address that an
//! assertion could tell of.

use std::collections::HashMap;
use std::process::Command;

use btfly::btf::{Btf, Header, Kind, Types};

use super::kernels::kernels;
use super::{Folder, btfly, compiled};

/// A field of a struct: its name, at which bit it begins, and how many it has, if it is a bitfield.
type Field = (String, u32, u32);

/// The fields of a struct, those of the nameless ones in it too, and none that only fills.
fn all_fields(btf: &Btf<'_>, header: &Header, at: u32, out: &mut Vec<Field>) {
    for index in 0..header.vlen {
        let member = btf.member(header, index).unwrap();
        let mut offset = at + member.offset.0;
        let name = btf.name(member.name).unwrap();
        let inner = btf.peel(member.ty).unwrap();
        if name.is_empty() && inner.kind.is_composite() {
            all_fields(btf, &inner, offset, out);
            continue;
        }
        let mut bits = member.bitfield_size;
        // A bitfield of old is an integer of so many bits.
        if bits == 0 && inner.kind == Kind::Int {
            let int = btf.int(&inner).unwrap();
            if int.bits < inner.size() * 8 {
                bits = int.bits;
                offset += int.bit_offset;
            }
        }
        if !name.is_empty() && !name.starts_with("___pad") {
            out.push((name.into(), offset, bits));
        }
    }
}

/// Structs and unions that have a name to themselves, with their sizes and fields.
fn composites(btf: &Btf<'_>) -> HashMap<String, (u32, Vec<Field>)> {
    let mut times: HashMap<&str, u32> = HashMap::new();
    let headers = || btf.ids().map(|id| btf.header(id).unwrap());
    let has_tag = |header: &Header| header.kind.is_composite() || header.kind.is_enum();
    for header in headers().filter(has_tag) {
        *times.entry(btf.name(header.name).unwrap()).or_default() += 1;
    }
    let composites = headers().filter(|header| header.kind.is_composite());
    let named = composites.filter_map(|header| {
        let name = btf.name(header.name).unwrap();
        let tag = ["struct ", "union "][usize::from(header.kind == Kind::Union)];
        let mut fields = Vec::new();
        all_fields(btf, &header, 0, &mut fields);
        let alone = !name.is_empty() && times.get(name) == Some(&1);
        alone.then(|| ([tag, name].concat(), (header.size(), fields)))
    });
    named.collect()
}

/// The types that a compiler gives an object for BPF.
fn types_of(folder: &Folder, source: &[u8]) -> Vec<u8> {
    let source = folder.write("some.c", source);
    let made = folder.0.join("types");
    let section = format!(".BTF={}", made.display());
    let mut copy = Command::new("llvm-objcopy-19");
    copy.args(["--dump-section", &section, &compiled(folder, &source)]);
    assert!(copy.status().expect("llvm-19, of scripts/setup").success());
    std::fs::read(made).unwrap()
}

#[test]
fn a_kernel_s_header_gives_a_compiler_each_field_at_its_bit() {
    let folder = Folder::new("dump-bits");
    for kernel in kernels().filter(|kernel| kernel.archive.is_none()) {
        let path = folder.write("vmlinux", &kernel.bytes);
        let said = btfly(&["file", &path, "--format", "c"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", kernel.name);
        let expected = composites(&Btf::parse(&kernel.bytes).unwrap());
        let names: Vec<&String> = expected.keys().collect();
        assert!(names.len() > 1000, "{}", kernel.name);
        // The compiler takes ten times as long for all at once.
        for names in names.chunks(1000) {
            let mut source = said.out.clone();
            source.extend(b"union {\n");
            for (index, name) in names.iter().enumerate() {
                source.extend(format!("{name} keep_{index};\n").into_bytes());
            }
            source.extend(b"} *keep;\n");
            let bytes = types_of(&folder, &source);
            let mut known = composites(&Btf::parse(&bytes).unwrap());
            for name in names {
                let found = known.remove(*name).unwrap_or_default();
                assert_eq!(found, expected[*name], "{}: {name}", kernel.name);
            }
        }
    }
}
