//! Types of a kernel without BTF: those of tracepoint records, from tracefs `format` files, and
//! registers, which the architecture lays out.
//!
//! What is known is written as a small BTF, and relocated against like any other.

use crate::btf::{Btf, Encoder, Kind, TypeId, essential_name};
use crate::sys::kernel;
use crate::sys::tracefs::Tracefs;
use crate::target::Wanted;
use crate::target::format::{self, FormatField, Shape};
use crate::target::names::kind_bit;

/// Events share a struct where they are of one class (`DECLARE_EVENT_CLASS`), whose name tracefs
/// does not tell: for each class an event that is of it on every kernel.
const CLASSES: [(&str, &str); 20] = [
    ("block_bio", "block_bio_queue"),
    ("block_buffer", "block_touch_buffer"),
    ("block_rq", "block_rq_issue"),
    ("block_rq_completion", "block_rq_complete"),
    ("cgroup", "cgroup_mkdir"),
    ("cgroup_migrate", "cgroup_attach_task"),
    ("cpu", "cpu_idle"),
    ("hrtimer_class", "hrtimer_cancel"),
    ("kmem_alloc", "kmalloc"),
    ("kmem_alloc_node", "kmalloc_node"),
    ("kmem_free", "kfree"),
    ("mm_filemap_op_page_cache", "mm_filemap_add_to_page_cache"),
    ("net_dev_template", "netif_rx"),
    ("sched_process_template", "sched_process_free"),
    ("sched_stat_template", "sched_stat_wait"),
    ("sched_wakeup_template", "sched_wakeup"),
    ("softirq", "softirq_entry"),
    ("tcp_event_sk", "tcp_destroy_sock"),
    ("timer_class", "timer_cancel"),
    ("workqueue_work", "workqueue_activate_work"),
];

/// The event whose record has the type `struct trace_event_raw_…`.
fn event(class: &str) -> &str {
    let known = CLASSES.iter().find(|(name, _)| *name == class);
    known.map_or(class, |(_, event)| event)
}

/// A BTF of those wanted types that are known without one, behind those of `base`. They stand in the
/// place of what `base` has of the same name, which may lack fields: nobody needed them there. `None`:
/// there are none.
pub(super) fn types(wanted: &Wanted<'_>, base: Option<&Btf<'_>>) -> Option<Vec<u8>> {
    let machine = kernel::machine();
    let tracefs = std::cell::OnceCell::new();
    gather(wanted, base, &machine, &|event| {
        tracefs
            .get_or_init(Tracefs::find)
            .as_ref()?
            .find_format(event)
    })
}

fn gather(
    wanted: &Wanted<'_>,
    base: Option<&Btf<'_>>,
    machine: &str,
    format_of: &dyn Fn(&str) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut out = base.map_or_else(Encoder::default, Encoder::behind);
    let before = out.len();
    let structs = wanted
        .roots()
        .filter(|(_, kinds)| kinds & kind_bit(Kind::Struct) != 0);
    for (name, _) in structs {
        let count = out.len();
        match (name, machine) {
            ("pt_regs" | "user_pt_regs", "aarch64") => arm64_registers(&mut out, name),
            ("pt_regs", "x86_64") => x86_registers(&mut out),
            _ => {
                let Some(class) = name.strip_prefix("trace_event_raw_") else {
                    continue;
                };
                let text = format_of(class).or_else(|| format_of(event(class)));
                if let Some(text) = text {
                    record(&mut out, name, &format::parse(&text));
                }
            }
        }
        if out.len() > count {
            out.hide(before, &|kind, known| {
                kind == Kind::Struct && essential_name(known) == name
            });
        }
    }
    (out.len() > before).then(|| out.bytes())
}

/// The struct of a tracepoint's record: the common header as `ent`, its own fields, and `__data`
/// behind them.
fn record(out: &mut Encoder, name: &str, fields: &[FormatField]) {
    let mut header = Vec::new();
    let mut members = vec![("ent", TypeId::VOID, 0)];
    let mut end = 0;
    let mut header_end = 0;
    // That of the common header, whose largest field is an int.
    let mut align = 4;
    for field in fields {
        let ty = field_type(out, field);
        let behind = field.offset.saturating_add(field.size);
        end = end.max(behind);
        align = align.max(alignment(field));
        match field.name.strip_prefix("common_") {
            Some(name) => {
                header_end = header_end.max(behind);
                header.push((name, ty, field.offset));
            }
            None => members.push((field.name.as_str(), ty, field.offset)),
        }
    }
    let header_size = header_end.checked_next_multiple_of(4).unwrap_or(header_end);
    let header = out.structure("trace_entry", header_size, &header);
    if let Some(first) = members.first_mut() {
        first.1 = header;
    }
    let char = out.int("char", 1, false);
    members.push(("__data", out.array(char, 0), end));
    out.structure(
        name,
        end.checked_next_multiple_of(align).unwrap_or(end),
        &members,
    );
}

/// In bytes. What is inside a struct is not told: one whose size allows for it may hold a pointer.
fn alignment(field: &FormatField) -> u32 {
    let size = match field.shape {
        Shape::Array(element) => element,
        _ => field.size,
    };
    1 << size.max(1).trailing_zeros().min(3)
}

fn field_type(out: &mut Encoder, field: &FormatField) -> TypeId {
    match field.shape {
        Shape::Number => out.int("", field.size, field.signed),
        Shape::Pointer => out.plain(Kind::Ptr, "", 0),
        Shape::Array(size) => {
            let element = out.int("", size, field.signed);
            out.array(element, field.size / size.max(1))
        }
        // Without names and a name, it is compatible with any enum.
        Shape::Enum => out.plain(Kind::Enum, "", field.size),
        Shape::Struct => out.plain(Kind::Struct, "", field.size),
    }
}

/// `struct user_pt_regs` of arch/arm64/include/uapi/asm/ptrace.h, and the front of `struct pt_regs`
/// of arch/arm64/include/asm/ptrace.h, which is the same on every kernel. How long that one is
/// depends on the kernel: 0 says that it is not known.
fn arm64_registers(out: &mut Encoder, name: &str) {
    let u64_type = out.int("", 8, false);
    let registers = [
        ("regs", out.array(u64_type, 31), 0),
        ("sp", u64_type, 248),
        ("pc", u64_type, 256),
        ("pstate", u64_type, 264),
    ];
    let user = out.structure("user_pt_regs", 272, &registers);
    if name == "user_pt_regs" {
        return;
    }
    let [regs, sp, pc, pstate] = registers;
    let syscall = out.int("", 4, true);
    let behind = [
        ("user_regs", user, 0),
        regs,
        sp,
        pc,
        pstate,
        ("orig_x0", u64_type, 272),
        ("syscallno", syscall, 280),
    ];
    out.structure("pt_regs", 0, &behind);
}

/// `struct pt_regs` of arch/x86/include/asm/ptrace.h without the segments, which changed.
fn x86_registers(out: &mut Encoder) {
    const NAMES: [&str; 17] = [
        "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si",
        "di", "orig_ax", "ip",
    ];
    let long = out.int("", 8, false);
    let mut members: Vec<_> = (0..)
        .zip(NAMES)
        .map(|(at, name)| (name, long, at * 8))
        .collect();
    members.extend([("flags", long, 144), ("sp", long, 152)]);
    out.structure("pt_regs", 168, &members);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::Types;

    const HEADER: &str = "\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\
        \tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n\
        \tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n\
        \tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n";

    fn known(names: &[&'static str], machine: &str) -> Option<Vec<u8>> {
        let mut wanted = Wanted::default();
        for name in names {
            wanted.root(name, Kind::Struct);
        }
        gather(&wanted, None, machine, &|event| {
            let fields = match event {
                "sys_enter" => {
                    "field:long id;\toffset:8;\tsize:8;\tsigned:1;\n\
                     field:unsigned long args[6];\toffset:16;\tsize:48;\tsigned:0;\n"
                }
                "sched_wakeup" => "field:pid_t pid;\toffset:24;\tsize:4;\tsigned:1;\n",
                _ => return None,
            };
            Some([HEADER, fields].concat().into_bytes())
        })
    }

    /// Name, byte offset and size of each member.
    fn members(btf: &Btf<'_>, name: &str) -> Vec<(String, u32, u32)> {
        let id = btf.find(Kind::Struct, name).unwrap();
        let header = btf.header(id).unwrap();
        let member = |index| {
            let member = btf.member(&header, index).unwrap();
            let name = btf.name(member.name).unwrap().to_owned();
            (name, member.offset.bytes(), btf.size_of(member.ty).unwrap())
        };
        (0..header.vlen).map(member).collect()
    }

    fn list(members: &[(&str, u32, u32)]) -> Vec<(String, u32, u32)> {
        members
            .iter()
            .map(|&(name, at, size)| (name.into(), at, size))
            .collect()
    }

    #[test]
    fn a_tracepoint_record_is_made_of_its_format() {
        let bytes = known(&["trace_event_raw_sys_enter", "task_struct"], "aarch64").unwrap();
        let btf = Btf::parse(&bytes).unwrap();
        let expected = [
            ("ent", 0, 8),
            ("id", 8, 8),
            ("args", 16, 48),
            ("__data", 64, 0),
        ];
        assert_eq!(members(&btf, "trace_event_raw_sys_enter"), list(&expected));
        let sys_enter = btf.find(Kind::Struct, "trace_event_raw_sys_enter").unwrap();
        assert_eq!(btf.size_of(sys_enter), Ok(64));
        let expected = [
            ("type", 0, 2),
            ("flags", 2, 1),
            ("preempt_count", 3, 1),
            ("pid", 4, 4),
        ];
        assert_eq!(members(&btf, "trace_entry"), list(&expected));
        assert_eq!(btf.find(Kind::Struct, "task_struct"), None);
        assert_eq!(btf.find(Kind::Struct, "pt_regs"), None);
    }

    #[test]
    fn a_class_is_found_by_one_of_its_events() {
        let bytes = known(&["trace_event_raw_sched_wakeup_template"], "aarch64").unwrap();
        let btf = Btf::parse(&bytes).unwrap();
        let expected = [("ent", 0, 8), ("pid", 24, 4), ("__data", 28, 0)];
        let class = btf.find(Kind::Struct, "trace_event_raw_sched_wakeup_template");
        assert_eq!(btf.size_of(class.unwrap()), Ok(28));
        assert_eq!(
            members(&btf, "trace_event_raw_sched_wakeup_template"),
            list(&expected)
        );
        assert_eq!(
            known(&["trace_event_raw_gone", "task_struct"], "aarch64"),
            None
        );
    }

    #[test]
    fn registers_lie_where_the_architecture_has_them() {
        let bytes = known(&["pt_regs"], "aarch64").unwrap();
        let btf = Btf::parse(&bytes).unwrap();
        for expected in [
            ("regs", 0, 248),
            ("pc", 256, 8),
            ("orig_x0", 272, 8),
            ("syscallno", 280, 4),
        ] {
            assert!(
                members(&btf, "pt_regs").contains(&list(&[expected])[0]),
                "{expected:?}"
            );
        }
        let user = btf.find(Kind::Struct, "user_pt_regs").unwrap();
        assert_eq!(btf.size_of(user), Ok(272));
        let bytes = known(&["pt_regs"], "x86_64").unwrap();
        let btf = Btf::parse(&bytes).unwrap();
        for expected in [
            ("r15", 0, 8),
            ("di", 112, 8),
            ("ip", 128, 8),
            ("sp", 152, 8),
        ] {
            assert!(
                members(&btf, "pt_regs").contains(&list(&[expected])[0]),
                "{expected:?}"
            );
        }
        assert_eq!(known(&["pt_regs"], "riscv64"), None);
    }

    #[test]
    fn types_that_are_known_take_the_place_of_those_that_were_built_in() {
        let mut base = Encoder::default();
        let long = base.int("long", 8, true);
        base.structure("task_struct", 64, &[("pid", long, 56)]);
        let sp = [("sp", long, 248)];
        let registers = base.structure("user_pt_regs___built_in", 272, &sp);
        base.structure("other", 272, &[("registers", registers, 0)]);
        let base = base.bytes();
        let base = Btf::parse(&base).unwrap();
        let mut wanted = Wanted::default();
        for name in [
            "task_struct",
            "trace_event_raw_sched_wakeup_template",
            "user_pt_regs",
        ] {
            wanted.root(name, Kind::Struct);
        }
        let format_of = |event: &str| (event == "sched_wakeup").then(|| HEADER.into());
        let bytes = gather(&wanted, Some(&base), "aarch64", &format_of).unwrap();
        let btf = Btf::parse(&bytes).unwrap();
        assert_eq!(members(&btf, "task_struct"), list(&[("pid", 56, 8)]));
        assert_eq!(members(&btf, "other"), list(&[("registers", 0, 272)]));
        assert_eq!(btf.find(Kind::Struct, "user_pt_regs___built_in"), None);
        assert_eq!(members(&btf, "user_pt_regs").len(), 4);
        let expected = [("ent", 0, 8), ("__data", 8, 0)];
        assert_eq!(
            members(&btf, "trace_event_raw_sched_wakeup_template"),
            list(&expected)
        );
        // Nothing to add: the one that was built in will do.
        let mut wanted = Wanted::default();
        wanted.root("task_struct", Kind::Struct);
        assert_eq!(gather(&wanted, Some(&base), "aarch64", &format_of), None);
    }
}
