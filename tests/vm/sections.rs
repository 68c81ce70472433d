//! Every section name: a program that does nothing is given each in turn, and loads on the kernels that
//! know such programs. It is loaded by the library, here in the test.

use std::fs;

use btfly::load::{Options, load};
use btfly::object::{Object, Program};
use btfly::target::Kernel;

use crate::board::{object, on_board, version};
use crate::left::Snapshot;

/// A program of links.bpf.o that returns 0, and one that returns 1.
const ZERO: &str = "classifier";
const ONE: &str = "sock";

/// Kernels before all those here.
const EVER: (u32, u32) = (4, 0);
/// 7.3 has it, and 6.12 has not.
const LATELY: (u32, u32) = (7, 0);
/// None of those here.
const NEVER: (u32, u32) = (99, 0);

type Row = (&'static [&'static str], &'static str, (u32, u32));

/// All but `tp_btf.s`, on which kernels disagree: 6.1 takes it anywhere, 6.12 nowhere.
/// Names, the program that may be called so, and the kernel that first took one.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    (&["kprobe/do_exit", "kretprobe/do_exit", "ksyscall/openat", "kretsyscall/openat"], ZERO, EVER),
    (&["kprobe.multi/vfs_*", "kretprobe.multi/vfs_*", "kprobe.session/vfs_*"], ZERO, EVER),
    (&["uprobe/a:b", "uretprobe/a:b", "uprobe.multi/a:b*", "uretprobe.multi/a:b*"], ZERO, EVER),
    (&["uprobe.session/a:b*", "usdt/a:b:c"], ZERO, EVER),
    (&["uprobe.s/a:b", "uretprobe.s/a:b", "uprobe.multi.s/a:b*", "uretprobe.multi.s/a:b*"], ZERO, (6, 0)),
    (&["uprobe.session.s/a:b*", "usdt.s/a:b:c"], ZERO, (6, 0)),
    (&["tracepoint/sched/sched_switch", "tp/sched/sched_switch", "raw_tracepoint/sched_switch"], ZERO, EVER),
    (&["raw_tp/sched_switch", "raw_tracepoint.w/sched_switch", "raw_tp.w/sched_switch"], ZERO, EVER),
    (&["tracepoint.s/sched/sched_switch", "tp.s/sched/sched_switch"], ZERO, LATELY),
    (&["raw_tracepoint.s/sched_switch", "raw_tp.s/sched_switch"], ZERO, LATELY),
    (&["tp_btf/sched_switch", "fentry/vfs_fsync_range", "fexit/vfs_fsync_range"], ZERO, EVER),
    (&["fmod_ret/security_task_prctl", "lsm/task_prctl", "iter/task"], ZERO, EVER),
    (&["fentry.s/bpf_lsm_file_open", "fexit.s/bpf_lsm_file_open", "fmod_ret.s/security_file_open"], ZERO, NEVER),
    (&["lsm.s/file_open"], ZERO, (5, 11)),
    (&["iter.s/task"], ZERO, EVER),
    (&["lsm_cgroup/socket_bind"], ONE, (6, 0)),
    (&["fsession/vfs_fsync_range"], ZERO, (7, 0)),
    (&["fentry.multi/vfs_*", "fexit.multi/vfs_*", "fsession.multi/vfs_*"], ZERO, LATELY),
    (&["syscall"], ZERO, (5, 14)),
    (&["xdp", "xdp/devmap", "xdp/cpumap"], ONE, EVER),
    (&["xdp.frags", "xdp.frags/devmap", "xdp.frags/cpumap"], ONE, (5, 18)),
    (&["tc", "classifier", "tc/ingress", "tc/egress", "tcx/ingress", "tcx/egress"], ZERO, EVER),
    (&["netkit/primary", "netkit/peer", "action", "socket", "perf_event"], ZERO, EVER),
    (&["cgroup_skb/ingress", "cgroup_skb/egress", "cgroup/skb", "cgroup/sock"], ONE, EVER),
    (&["cgroup/sock_create", "cgroup/sock_release", "cgroup/post_bind4", "cgroup/post_bind6"], ONE, EVER),
    (&["cgroup/bind4", "cgroup/bind6", "cgroup/connect4", "cgroup/connect6"], ONE, EVER),
    (&["cgroup/sendmsg4", "cgroup/sendmsg6", "cgroup/recvmsg4", "cgroup/recvmsg6"], ONE, EVER),
    (&["cgroup/getpeername4", "cgroup/getpeername6", "cgroup/getsockname4", "cgroup/getsockname6"], ONE, EVER),
    (&["cgroup/connect_unix", "cgroup/sendmsg_unix", "cgroup/recvmsg_unix"], ONE, (6, 7)),
    (&["cgroup/getpeername_unix", "cgroup/getsockname_unix"], ONE, (6, 7)),
    (&["cgroup/sysctl", "cgroup/getsockopt", "cgroup/setsockopt", "cgroup/dev", "sockops"], ONE, EVER),
    (&["sk_msg", "sk_skb", "sk_skb/stream_parser", "sk_skb/stream_verdict", "sk_skb/verdict"], ONE, EVER),
    (&["flow_dissector", "lwt_in", "lwt_out", "lwt_xmit", "lwt_seg6local"], ZERO, EVER),
    (&["sk_lookup", "sk_reuseport"], ONE, EVER),
    (&["sk_reuseport/migrate"], ONE, EVER),
    (&["netfilter"], ONE, (6, 4)),
    // Of remote controls, which these kernels are built without.
    (&["lirc_mode2"], ONE, NEVER),
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

#[test]
fn a_program_loads_under_every_section_name_that_the_kernel_knows() {
    on_board!(board);
    if !board.has_btf() {
        return; // The kinds of those kernels are what they were configured for.
    }
    let before = Snapshot::take();
    let bytes = fs::read(object("tests/links.bpf.o")).unwrap();
    let mut wrong = Vec::new();
    for (sections, program, since) in ROWS {
        for section in *sections {
            let loaded = load_as(&bytes, program, section);
            let told = loaded.as_ref().err().map_or("", String::as_str);
            if loaded.is_ok() != (version() >= *since) {
                wrong.push(format!("{section}: {told}"));
            }
            assert!(
                loaded.is_ok() || told.contains(program),
                "{section}: {told}"
            );
            // Others are refused for their places, or left out by who built the kernel.
            if !matches!(*since, LATELY | NEVER) && version() < *since {
                let kind = section.split('/').next().unwrap();
                let newer = told.contains(kind) && told.contains("they came with Linux ");
                let spoken = told.contains("the verifier refused it");
                assert!(newer || spoken, "{section}: {told}");
            }
        }
    }
    assert!(wrong.is_empty(), "{:?}: {wrong:#?}", version());
    before.is_restored();
}
