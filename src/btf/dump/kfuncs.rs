//! Kfuncs in a header: what programs may call is declared, as they would do it themselves.

use super::c::CHeader;
use super::conflicts::{Space, identifier};
use crate::btf::{BtfError, Header, Kind, StrOffset};

/// pahole tags so what the kernel has in its sets of kfuncs, from Linux 6.10 on.
const TAG: &[u8] = b"bpf_kfunc";

/// Where the address space of arenas is said, from Linux 6.16 on.
const ARENA: &[u8] = b"address_space(1)";

const START: &str = "#if !defined(BPF_NO_KFUNC_PROTOTYPES) && defined(__bpf__)\n";

const END: &str = "#endif\n\n";

impl CHeader<'_> {
    /// Remembers the function that a tag is of, if it is tagged as a kfunc.
    pub(super) fn note_kfunc(&mut self, tag: &Header, name: &mut Vec<u8>) -> Result<(), BtfError> {
        name.clear();
        self.types.text(tag.name, name)?;
        let func = self.types.header(tag.target())?;
        if name == TAG && func.kind == Kind::Func && func.name != StrOffset(0) {
            identifier(self.types, func.name, name)?;
            self.names.note(Space::Plain, name);
            self.kfuncs.push(func.id);
        }
        Ok(())
    }

    /// Declares the kfuncs, behind all types. They are weak: an older kernel may not have them.
    pub(super) fn kfuncs(&mut self) -> Result<(), BtfError> {
        let kfuncs = std::mem::take(&mut self.kfuncs);
        for &func in &kfuncs {
            let proto = self.types.header(func)?.target();
            self.need_name(proto)?;
        }
        if kfuncs.is_empty() {
            return Ok(());
        }
        self.push(START);
        self.in_kfuncs = true;
        for func in kfuncs {
            let header = self.types.header(func)?;
            let mut name = Vec::new();
            identifier(self.types, header.name, &mut name)?;
            // What is so called already stays; and a function may be tagged twice.
            if self.names.next(Space::Plain, &name) == 1 {
                self.push("extern ");
                self.declaration(header.target(), &name, 0)?;
                self.push(" __attribute__((weak, section(\".ksyms\")))");
                self.end_definition();
            }
        }
        self.push(END);
        Ok(())
    }

    /// Whether this type tag is the attribute of a pointer into an arena, and of a kfunc. The types of
    /// the kernel itself are compiled for more targets than BPF, which don't have it.
    pub(super) fn is_arena(&self, tag: &Header) -> Result<bool, BtfError> {
        let mut name = Vec::new();
        if self.in_kfuncs {
            self.types.text(tag.name, &mut name)?;
        }
        Ok(name == ARENA)
    }
}

#[cfg(test)]
mod tests {
    use super::super::write_c;
    use crate::btf::testing::Builder;
    use crate::btf::{Btf, Kind, Linkage, TypeId};

    fn written(bytes: &[u8], roots: Option<&[TypeId]>) -> String {
        let mut out = Vec::new();
        let mut sink = |piece: &[u8]| {
            out.extend_from_slice(piece);
            true
        };
        write_c(&Btf::parse(bytes).unwrap(), roots, &mut sink).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_kfunc_is_declared_once_and_behind_what_it_takes() {
        let mut b = Builder::new();
        let int = b.int("int", 4, true);
        let task = b.structure("task", 4, &[("pid", int, 0)]);
        let pointer = b.ptr(task);
        let proto = b.func_proto(pointer, &[("pid", int)]);
        let get = b.func("get", proto, Linkage::Static);
        let other = b.func("other", proto, Linkage::Static);
        let taken = b.func("taken", proto, Linkage::Static);
        b.enumeration("names", &[("taken", 1)]);
        for (name, of) in [
            ("bpf_kfunc", get),
            ("bpf_kfunc", get),
            ("bpf_kfun", other),
            ("bpf_kfunc", taken),
            ("bpf_kfunc", task),
        ] {
            b.decl_tag(name, of, None);
        }
        let bytes = b.bytes();
        let text = written(&bytes, None);
        let line = "extern struct task *get(int pid) __attribute__((weak, section(\".ksyms\")));\n";
        assert_eq!(text.matches(line).count(), 1, "{text}");
        assert_eq!(text.matches("extern").count(), 1, "{text}");
        let at = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("{part} in {text}"))
        };
        let guard = at("#if !defined(BPF_NO_KFUNC_PROTOTYPES) && defined(__bpf__)\n");
        assert!(at("struct task {") < guard && guard < at(line));
        // Who asks for a type has not asked for them.
        assert!(!written(&bytes, Some(&[task])).contains("extern"));
    }

    #[test]
    fn pointers_into_an_arena_are_such_in_kfuncs_alone() {
        let mut b = Builder::new();
        let arena = b.record("address_space(1)", Kind::TypeTag, (0, true), 0, &[]);
        let odd = b.record("); evil(", Kind::TypeTag, (0, true), 0, &[]);
        let (arena, odd) = (b.ptr(arena), b.ptr(odd));
        let proto = b.func_proto(arena, &[("odd", odd)]);
        let func = b.func("pages", proto, Linkage::Static);
        b.decl_tag("bpf_kfunc", func, None);
        b.structure("held", 8, &[("at", arena, 0)]);
        let text = written(&b.bytes(), None);
        let line = "extern void __attribute__((address_space(1))) *pages(void *odd) ";
        assert!(text.contains(line), "{text}");
        assert!(text.contains("\tvoid *at;\n"), "{text}");
    }
}
