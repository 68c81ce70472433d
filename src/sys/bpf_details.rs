//! What the kernel tells of a program and of a link beyond what a loader needs, and what can be done with
//! them while they are loaded.
//!
//! Source: `bpf_prog_get_info_by_fd` and `bpf_link_get_info_by_fd` in the kernel's `kernel/bpf/syscall.c`.

use super::abi::{
    BPF_LINK_DETACH, BPF_LINK_TYPE_ITER, BPF_LINK_TYPE_KPROBE_MULTI, BPF_LINK_TYPE_PERF_EVENT,
    BPF_LINK_TYPE_RAW_TRACEPOINT, BPF_LINK_TYPE_UPROBE_MULTI, BPF_PROG_TEST_RUN, IterCreateAttr,
    LinkDetails, ProgDetails, ProgInfo, ProgTestRunAttr, perf_event,
};
use super::bpf_call::{address, call, length, number};
use super::bpf_ids::info;
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::{self, Errno};

/// Bytes in a func_info and in a line_info record of every kernel so far.
const FUNC_INFO: usize = 8;
/// As above.
const LINE_INFO: usize = 16;
/// More than the tables of any program: it has a million instructions at most.
const MOST: usize = 1 << 24;

/// What the kernel says about a program, without its tables.
///
/// # Errors
/// The kernel's.
pub fn prog_details(prog: BorrowedFd<'_>) -> io::Result<ProgDetails> {
    let mut answer = ProgDetails::default();
    // Safety: the struct's addresses are all zero, so no tables are written.
    unsafe { info(prog, &mut answer) }?;
    Ok(answer)
}

/// The tables of a program. Those that the caller may not see, or the kernel does not have, are empty.
#[derive(Debug, Default)]
pub struct ProgTables {
    /// Instructions as the verifier left them, 8 bytes each.
    pub insns: Vec<u8>,
    /// The machine code, of one function behind the other.
    pub jited: Vec<u8>,
    /// Where each function of the machine code is.
    pub ksyms: Vec<u64>,
    /// Bytes in each function of the machine code.
    pub func_lens: Vec<u32>,
    /// Index of an instruction and BTF id of the function that it begins.
    pub func_info: Vec<[u32; 2]>,
    /// Index of an instruction; names of the file and of the line's text; line and column.
    pub line_info: Vec<[u32; 4]>,
    /// Where each line of `line_info` begins in the machine code.
    pub jited_line_info: Vec<u64>,
}

/// Which of a program's tables are asked for: of instructions, machine code and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tables {
    /// `insns`, `ksyms` and the info records.
    Insns,
    /// `jited`, `ksyms`, `func_lens` and the info records.
    Jited,
    /// The first func_info record alone.
    FirstFunc,
}

/// The ids of the maps that a program uses.
///
/// # Errors
/// The kernel's.
pub fn prog_maps(prog: BorrowedFd<'_>, told: &ProgInfo) -> io::Result<Vec<u32>> {
    let mut ids = vec![0u32; room(told.nr_map_ids)?];
    let mut answer = ProgInfo {
        nr_map_ids: length(ids.len())?,
        map_ids: ids.as_mut_ptr() as u64,
        ..ProgInfo::default()
    };
    // Safety: the kernel writes at most the ids that it is told there is room for; the other addresses are
    // zero.
    unsafe { info(prog, &mut answer) }?;
    ids.truncate(answer.nr_map_ids as usize);
    Ok(ids)
}

fn room(count: u32) -> io::Result<usize> {
    let count = count as usize;
    (count <= MOST).then_some(count).ok_or(Errno::FBIG)
}

/// The tables of a program of which the kernel has said `told`.
///
/// # Errors
/// The kernel's; `EFBIG` for tables larger than any.
pub fn prog_tables(
    prog: BorrowedFd<'_>,
    told: &ProgDetails,
    which: Tables,
) -> io::Result<ProgTables> {
    let front = &told.front;
    let whole = which != Tables::FirstFunc;
    let counted = |asked: bool, count: u32| room(if asked { count } else { 0 });
    let mut tables = ProgTables {
        insns: vec![0; counted(which == Tables::Insns, front.xlated_prog_len)?],
        jited: vec![0; counted(which == Tables::Jited, front.jited_prog_len)?],
        ksyms: vec![0; counted(whole, front.nr_jited_ksyms)?],
        func_lens: vec![0; counted(which == Tables::Jited, front.nr_jited_func_lens)?],
        ..ProgTables::default()
    };
    // Records of another size are none that are known.
    if front.func_info_rec_size as usize == FUNC_INFO {
        let count = if whole {
            told.nr_func_info
        } else {
            told.nr_func_info.min(1)
        };
        tables.func_info = vec![[0; 2]; room(count)?];
    }
    if told.line_info_rec_size as usize == LINE_INFO && whole {
        tables.line_info = vec![[0; 4]; room(told.nr_line_info)?];
    }
    if told.jited_line_info_rec_size == 8 && which == Tables::Jited {
        tables.jited_line_info = vec![0; room(told.nr_jited_line_info)?];
    }
    let mut answer = ProgDetails {
        front: ProgInfo {
            xlated_prog_len: length(tables.insns.len())?,
            xlated_prog_insns: tables.insns.as_mut_ptr() as u64,
            jited_prog_len: length(tables.jited.len())?,
            jited_prog_insns: tables.jited.as_mut_ptr() as u64,
            nr_jited_ksyms: length(tables.ksyms.len())?,
            jited_ksyms: tables.ksyms.as_mut_ptr() as u64,
            nr_jited_func_lens: length(tables.func_lens.len())?,
            jited_func_lens: tables.func_lens.as_mut_ptr() as u64,
            func_info_rec_size: if tables.func_info.is_empty() {
                0
            } else {
                FUNC_INFO as u32
            },
            ..ProgInfo::default()
        },
        func_info: tables.func_info.as_mut_ptr() as u64,
        nr_func_info: length(tables.func_info.len())?,
        line_info: tables.line_info.as_mut_ptr() as u64,
        nr_line_info: length(tables.line_info.len())?,
        line_info_rec_size: if tables.line_info.is_empty() {
            0
        } else {
            LINE_INFO as u32
        },
        jited_line_info: tables.jited_line_info.as_mut_ptr() as u64,
        nr_jited_line_info: length(tables.jited_line_info.len())?,
        jited_line_info_rec_size: if tables.jited_line_info.is_empty() {
            0
        } else {
            8
        },
        ..ProgDetails::default()
    };
    // Safety: each table has room for as many bytes or records as the kernel is told, of the sizes that it
    // is told; it writes nothing of a table that it is told to be empty.
    unsafe { info(prog, &mut answer) }?;
    // What may not be seen is told to be of no length, or at no address.
    let seen = |address: u64, count: u32| if address == 0 { 0 } else { count as usize };
    let front = &answer.front;
    tables
        .insns
        .truncate(seen(front.xlated_prog_insns, front.xlated_prog_len));
    tables
        .jited
        .truncate(seen(front.jited_prog_insns, front.jited_prog_len));
    tables
        .ksyms
        .truncate(seen(front.jited_ksyms, front.nr_jited_ksyms));
    tables
        .func_lens
        .truncate(seen(front.jited_func_lens, front.nr_jited_func_lens));
    tables.func_info.truncate(answer.nr_func_info as usize);
    tables.line_info.truncate(answer.nr_line_info as usize);
    let lines = seen(answer.jited_line_info, answer.nr_jited_line_info);
    tables.jited_line_info.truncate(lines);
    Ok(tables)
}

/// What the kernel says about a link and where it is attached, with the text that belongs to that: a
/// tracepoint, a function, a path.
///
/// # Errors
/// The kernel's.
pub fn link_details(link: BorrowedFd<'_>) -> io::Result<(LinkDetails, String)> {
    let mut answer = LinkDetails::default();
    // Safety: the struct's addresses are zero.
    unsafe { info(link, &mut answer) }?;
    let mut text = [0u8; 4096];
    let Some((at, len_at)) = text_of(&answer) else {
        return Ok((answer, String::new()));
    };
    let mut asked = LinkDetails::default();
    if let (Some(at), Some(_)) = (asked.words.get_mut(at), answer.words.get(len_at)) {
        *at = text.as_mut_ptr() as u64;
    }
    if let Some(len) = asked.words.get_mut(len_at) {
        *len = text.len() as u64;
    }
    // Safety: the kernel writes at most as many bytes of text as it is told, which there are; the other
    // addresses are zero.
    if unsafe { info(link, &mut asked) }.is_err() {
        return Ok((answer, String::new()));
    }
    let text = text.split(|&b| b == 0).next().unwrap_or_default();
    Ok((asked, String::from_utf8_lossy(text).into_owned()))
}

/// What `bpf_get_attach_cookie` gives a program at each function of a link to many, in the link's order; none for
/// other links. Kernels before 6.9 tell of none.
///
/// # Errors
/// The kernel's; `EFBIG` for more functions than there are.
pub fn link_cookies(link: BorrowedFd<'_>, told: &LinkDetails) -> io::Result<Vec<u64>> {
    let [_, kernel, _, _, user, ..] = told.words;
    let (count, places) = match told.front.link_type {
        BPF_LINK_TYPE_KPROBE_MULTI => (kernel as u32, 0),
        BPF_LINK_TYPE_UPROBE_MULTI => ((user >> 32) as u32, 1),
        _ => return Ok(Vec::new()),
    };
    let count = room(count)?;
    // The kernel tells cookies beside places, or not at all.
    let (mut at, mut cookies) = (vec![0u64; count], vec![0u64; count]);
    let mut asked = LinkDetails::default();
    let [addresses, kernel, _, cookies_at, user, ..] = &mut asked.words;
    *cookies_at = cookies.as_mut_ptr() as u64;
    match places {
        0 => (*addresses, *kernel) = (at.as_mut_ptr() as u64, count as u64),
        _ => (*kernel, *user) = (at.as_mut_ptr() as u64, (count as u64) << 32),
    }
    // Safety: the kernel writes at most `count` numbers to each of the two, which have room for them; the other
    // addresses are zero.
    unsafe { info(link, &mut asked) }?;
    Ok(cookies)
}

/// The words that hold the address and the length of a link's text.
fn text_of(link: &LinkDetails) -> Option<(usize, usize)> {
    match link.front.link_type {
        BPF_LINK_TYPE_RAW_TRACEPOINT | BPF_LINK_TYPE_ITER => Some((0, 1)),
        BPF_LINK_TYPE_UPROBE_MULTI => Some((0, 4)),
        // A kernel before 6.6 says nothing of it.
        BPF_LINK_TYPE_PERF_EVENT => match link.words.first().map(|word| *word as u32) {
            None | Some(0 | perf_event::EVENT) => None,
            Some(_) => Some((1, 2)),
        },
        _ => None,
    }
}

/// Detaches a link, which stays as a name for nothing (`BPF_LINK_DETACH`, 5.9).
///
/// # Errors
/// The kernel's: `EOPNOTSUPP` for links that end only when all who hold them let them go.
pub fn link_detach(link: BorrowedFd<'_>) -> io::Result<()> {
    // Its argument is the descriptor alone, as that of an iterator begins.
    let mut attr = IterCreateAttr {
        link_fd: number(link),
        flags: 0,
    };
    // Safety: the struct holds no address.
    unsafe { call(BPF_LINK_DETACH, &mut attr) }.map(drop)
}

/// What `/proc/self/fdinfo` says of a descriptor.
///
/// # Errors
/// The kernel's.
pub fn fdinfo(fd: BorrowedFd<'_>) -> io::Result<String> {
    let path = ["/proc/self/fdinfo/", &fd.as_raw_fd().to_string()].concat();
    let mut buffer = [0; 4096];
    let text = super::file::read(&path, &mut buffer)?;
    Ok(String::from_utf8_lossy(text).into_owned())
}

/// A run of a program by hand (`BPF_PROG_TEST_RUN`). What is empty is not handed over.
#[derive(Debug, Default)]
pub struct TestRun {
    /// The packet that the program sees.
    pub data: Vec<u8>,
    /// The context that the program sees; programs of the type syscall write into it.
    pub context: Vec<u8>,
    /// Room for the packet as the program left it, then that.
    pub data_out: Vec<u8>,
    /// Room for the context as the program left it, then that.
    pub context_out: Vec<u8>,
    /// How often it runs; 0 is once.
    pub repeat: u32,
    /// What it returned.
    pub returned: u32,
    /// Nanoseconds of one run, on average.
    pub nanoseconds: u32,
}

/// Runs a program by hand.
///
/// # Errors
/// The kernel's: 524 or `EINVAL` where it does not run such programs, or not with such data; `ENOSPC` where
/// the room is too small.
pub fn prog_test_run(prog: BorrowedFd<'_>, run: &mut TestRun) -> io::Result<()> {
    let out = |room: &mut Vec<u8>| match room.is_empty() {
        true => 0,
        false => room.as_mut_ptr() as u64,
    };
    let mut attr = ProgTestRunAttr {
        prog_fd: number(prog),
        data_size_in: length(run.data.len())?,
        data_in: address(&run.data),
        data_size_out: length(run.data_out.len())?,
        data_out: out(&mut run.data_out),
        ctx_size_in: length(run.context.len())?,
        ctx_in: out(&mut run.context),
        ctx_size_out: length(run.context_out.len())?,
        ctx_out: out(&mut run.context_out),
        repeat: run.repeat,
        ..ProgTestRunAttr::default()
    };
    // Safety: what is read or written is borrowed mutably or not, as it must be, with its length; the
    // program is one that the verifier has passed.
    unsafe { call(BPF_PROG_TEST_RUN, &mut attr) }?;
    run.data_out.truncate(attr.data_size_out as usize);
    run.context_out.truncate(attr.ctx_size_out as usize);
    (run.returned, run.nanoseconds) = (attr.retval, attr.duration);
    Ok(())
}
