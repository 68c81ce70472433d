//! Every section name: a program that does nothing is given each in turn, and loads on the kernels that
//! know such programs. It is loaded by the library, here in the test.

use std::fs;
use std::os::fd::AsFd;

use btfly::load::{LoadError, Loaded, Options, load};
use btfly::object::{Object, Program};
use btfly::sys::bpf::prog_info;
use btfly::target::Kernel;

use crate::board::{object, on_board, version};
use crate::left::Snapshot;

/// A program of links.bpf.o that returns 0, and one that returns 1.
const ZERO: &str = "classifier";
const ONE: &str = "sock";
/// A program of struct_ops.bpf.o.
const TABLED: &str = "ssthresh";

/// What is told by kernels before the one that a row names.
#[derive(Clone, Copy)]
enum Before {
    /// That release.
    Release,
    /// That such programs came later: which release it was is not known here.
    Later,
    /// That the kernel was built without them, although it is new enough.
    Unbuilt,
    /// The verifier's own words.
    Verifier(&'static str),
}
use Before::{Later, Release, Unbuilt, Verifier};

/// Kernels before all those here.
const EVER: (u32, u32) = (4, 0);
/// 7.3 has it, and 6.12 has not.
const LATELY: (u32, u32) = (7, 0);
/// None of those here.
const NEVER: (u32, u32) = (99, 0);

type Row = (&'static [&'static str], &'static str, (u32, u32), Before);

/// All but `tp_btf.s`, on which kernels disagree, and `freplace`, for which another program must be there.
/// Names, the program that may be called so, the kernel that first took one, what others say.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    (&["kprobe/do_exit", "kretprobe/do_exit", "ksyscall/openat", "kretsyscall/openat"], ZERO, EVER, Release),
    (&["kprobe.multi/vfs_*", "kretprobe.multi/vfs_*", "kprobe.session/vfs_*"], ZERO, EVER, Release),
    (&["uprobe/a:b", "uretprobe/a:b", "uprobe.multi/a:b*", "uretprobe.multi/a:b*"], ZERO, EVER, Release),
    (&["uprobe.session/a:b*", "usdt/a:b:c"], ZERO, EVER, Release),
    (&["uprobe.s/a:b", "uretprobe.s/a:b", "uprobe.multi.s/a:b*", "uretprobe.multi.s/a:b*"], ZERO, (6, 0), Release),
    (&["uprobe.session.s/a:b*", "usdt.s/a:b:c"], ZERO, (6, 0), Release),
    (&["tracepoint/sched/sched_switch", "tp/sched/sched_switch", "raw_tracepoint/sched_switch"], ZERO, EVER, Release),
    (&["raw_tp/sched_switch", "raw_tracepoint.w/sched_switch", "raw_tp.w/sched_switch"], ZERO, EVER, Release),
    (&["tracepoint.s/sched/sched_switch", "tp.s/sched/sched_switch"], ZERO, LATELY, Later),
    (&["raw_tracepoint.s/sched_switch", "raw_tp.s/sched_switch"], ZERO, LATELY, Later),
    (&["tp_btf/sched_switch", "fentry/vfs_fsync_range", "fexit/vfs_fsync_range"], ZERO, EVER, Release),
    (&["fmod_ret/security_task_prctl", "lsm/task_prctl", "iter/task"], ZERO, EVER, Release),
    // Where functions may not be made to fail, which distributions don't allow, these places came late.
    (&["fentry.s/__arm64_sys_prctl", "fexit.s/__arm64_sys_prctl"], ZERO, LATELY, Verifier("__arm64_sys_prctl is not sleepable")),
    (&["fmod_ret.s/__arm64_sys_prctl"], ZERO, LATELY, Verifier("__arm64_sys_prctl is not sleepable")),
    (&["fentry.s/bpf_lsm_file_open", "fexit.s/bpf_lsm_file_open"], ZERO, NEVER, Verifier("bpf_lsm_file_open is not sleepable")),
    (&["fmod_ret.s/security_file_open"], ZERO, NEVER, Verifier("security_file_open is not sleepable")),
    (&["lsm.s/bprm_committed_creds"], ZERO, EVER, Release),
    (&["lsm.s/file_open"], ZERO, (5, 11), Verifier("bpf_lsm_file_open is not sleepable")),
    (&["iter.s/task"], ZERO, EVER, Release),
    (&["lsm_cgroup/socket_bind"], ONE, (6, 0), Release),
    (&["fsession/vfs_fsync_range", "fsession.s/__arm64_sys_prctl"], ZERO, (7, 0), Release),
    (&["fentry.multi/vfs_*", "fexit.multi/vfs_*", "fsession.multi/vfs_*"], ZERO, LATELY, Later),
    (&["syscall"], ZERO, (5, 14), Release),
    (&["xdp", "xdp/devmap", "xdp/cpumap"], ONE, EVER, Release),
    (&["xdp.frags", "xdp.frags/devmap", "xdp.frags/cpumap"], ONE, (5, 18), Release),
    (&["tc", "classifier", "tc/ingress", "tc/egress", "tcx/ingress", "tcx/egress"], ZERO, EVER, Release),
    (&["netkit/primary", "netkit/peer", "action", "socket", "perf_event"], ZERO, EVER, Release),
    (&["cgroup_skb/ingress", "cgroup_skb/egress", "cgroup/skb", "cgroup/sock"], ONE, EVER, Release),
    (&["cgroup/sock_create", "cgroup/sock_release", "cgroup/post_bind4", "cgroup/post_bind6"], ONE, EVER, Release),
    (&["cgroup/bind4", "cgroup/bind6", "cgroup/connect4", "cgroup/connect6"], ONE, EVER, Release),
    (&["cgroup/sendmsg4", "cgroup/sendmsg6", "cgroup/recvmsg4", "cgroup/recvmsg6"], ONE, EVER, Release),
    (&["cgroup/getpeername4", "cgroup/getpeername6", "cgroup/getsockname4", "cgroup/getsockname6"], ONE, EVER, Release),
    (&["cgroup/connect_unix", "cgroup/sendmsg_unix", "cgroup/recvmsg_unix"], ONE, (6, 7), Release),
    (&["cgroup/getpeername_unix", "cgroup/getsockname_unix"], ONE, (6, 7), Release),
    (&["cgroup/sysctl", "cgroup/getsockopt", "cgroup/setsockopt", "cgroup/dev", "sockops"], ONE, EVER, Release),
    (&["sk_msg", "sk_skb", "sk_skb/stream_parser", "sk_skb/stream_verdict", "sk_skb/verdict"], ONE, EVER, Release),
    (&["flow_dissector", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local"], ZERO, EVER, Release),
    (&["sk_lookup", "sk_reuseport"], ONE, EVER, Release),
    (&["sk_reuseport/migrate"], ONE, EVER, Release),
    (&["netfilter"], ONE, (6, 4), Release),
    (&["struct_ops", "struct_ops/ssthresh"], TABLED, EVER, Release),
    (&["struct_ops.s", "struct_ops.s/ssthresh"], TABLED, (6, 3), Release),
    // Of remote controls, which these kernels are built without.
    (&["lirc_mode2"], ONE, NEVER, Unbuilt),
];

/// Loads one program under another section name.
fn load_as(bytes: &[u8], name: &str, section: &str) -> Result<(), String> {
    let mut object = Object::parse(bytes).expect("an object");
    object
        .set_section(name, section)
        .map_err(|e| e.to_string())?;
    let options = Options {
        choose: &|program: &Program<'_>| program.name == name,
        ..Options::default()
    };
    match load(&object, &Kernel::running(), options) {
        Ok(loaded) => {
            assert_eq!(loaded.programs.len(), 1, "{section}");
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// What a kernel says to a program of a section's kind that it does not take.
fn expected(program: &str, section: &str, since: (u32, u32), before: Before) -> String {
    // These names are whole; of others the place follows.
    let whole = ["xdp.frags/", "cgroup/"]
        .iter()
        .any(|start| section.starts_with(start));
    let kind = match whole {
        true => section,
        false => section.split('/').next().unwrap_or(section),
    };
    let why = match before {
        Release => format!("they came with Linux {}.{}", since.0, since.1),
        Later => "they came with a later Linux".into(),
        Unbuilt => "it was built without an option for them".into(),
        Verifier(words) => return format!("program {program}: the verifier refused it: {words}"),
    };
    format!("program {program}: this kernel has no {kind} programs: {why}")
}

#[test]
fn a_program_loads_under_every_section_name_that_the_kernel_knows() {
    on_board!(board);
    if !board.has_btf() {
        return; // The kinds of those kernels are what they were configured for.
    }
    let before = Snapshot::take();
    let links = fs::read(object("tests/links.bpf.o")).unwrap();
    let tables = fs::read(object("tests/struct_ops.bpf.o")).unwrap();
    let mut wrong = Vec::new();
    for &(sections, program, since, otherwise) in ROWS {
        for section in sections {
            let bytes = if program == TABLED { &tables } else { &links };
            let told = load_as(bytes, program, section).err();
            let expected =
                (version() < since).then(|| expected(program, section, since, otherwise));
            if told != expected {
                wrong.push(format!("{section}: {told:?} for {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{:?}: {wrong:#?}", version());
    before.is_restored();
}

#[test]
fn a_typed_tracepoint_sleeps_where_the_kernel_of_the_day_lets_it() {
    on_board!(board);
    if !board.has_btf() {
        return;
    }
    let before = Snapshot::take();
    let bytes = fs::read(object("tests/links.bpf.o")).unwrap();
    let [of_a_call, of_another] = ["tp_btf.s/sys_enter", "tp_btf.s/sched_switch"]
        .map(|section| load_as(&bytes, ZERO, section).err());
    let said = |before| Some(expected(ZERO, "tp_btf.s", NEVER, before));
    // The first did not look, the next look for kinds, the last for places.
    let expected = match version() {
        early if early < (6, 2) => (None, None),
        late if late < LATELY => (said(Later), said(Later)),
        _ => {
            let words = "Sleepable program cannot attach to non-faultable tracepoint sched_switch";
            (None, said(Verifier(words)))
        }
    };
    assert_eq!((of_a_call, of_another), expected);
    before.is_restored();
}

/// Loads one program of an object.
fn load_one<'a>(object: &Object<'a>, name: &str) -> Result<Loaded<'a>, Box<LoadError>> {
    let options = Options {
        choose: &|program: &Program<'_>| program.name == name,
        ..Options::default()
    };
    load(object, &Kernel::running(), options)
}

#[test]
fn a_replacement_loads_for_a_function_of_a_program_that_is_there() {
    on_board!(board);
    if !board.has_btf() {
        return; // The verifier does not know what such a function's arguments are.
    }
    let before = Snapshot::take();
    let bytes = fs::read(object("tests/links.bpf.o")).unwrap();
    let object = Object::parse(&bytes).unwrap();
    let target = load_one(&object, "replaceable").unwrap();
    let id = prog_info(target.programs[0].fd.as_fd()).unwrap().id;
    let load_for = |section: &str, place: &str| {
        let mut object = Object::parse(&bytes).unwrap();
        object.set_section("replacement", section).unwrap();
        object.retarget("replacement", place).unwrap();
        let loaded = load_one(&object, "replacement");
        loaded.err().map(|error| error.to_string())
    };
    let (program, function) = (format!("id:{id}"), format!("number@id:{id}"));
    for (section, place) in [
        ("freplace/number", &program),
        ("freplace/number", &function),
        ("freplace/no_such", &function),
        ("freplace", &function),
    ] {
        assert_eq!(load_for(section, place), None, "{section} {place}");
    }
    let told = load_for("freplace/no_such", &program).unwrap();
    assert!(told.ends_with("has no function `no_such`"), "{told}");
    // A function that nobody named is that of the program itself.
    let told = load_for("freplace", &program).unwrap();
    assert!(told.contains("Cannot replace static functions"), "{told}");
    let told = load_as(&bytes, "replacement", "freplace/number").unwrap_err();
    assert!(told.contains("freplace names no program"), "{told}");
    drop(target);
    before.is_restored();
}
