//! `btfly link`: what attaches programs.

use btfly::sys::abi::*;
use btfly::sys::bpf::{prog_get_fd_by_id, prog_info};
use btfly::sys::bpf_details::{link_cookies, link_detach, link_details};
use btfly::sys::names;
use btfly::text::contains;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::{self, Errno};

use super::loaded::{self, Action, Row, Value, Words, find_one, no_more, refused};
use super::{Class, Common, Failure};

const HELP: &str = "Usage: btfly link ACTION ...

  list | show [LINK]   what attaches programs: of each link its id, type, program, place, who holds it
  pin LINK PATH        give it a name in the BPF file system
  detach LINK          let go what it is attached to; the link itself stays, for nothing

LINK is id N | pinned PATH, or the N or PATH alone. --json for a listing as JSON.
";

const ACTIONS: [Action; 4] = [
    ("list", show),
    ("show", show),
    ("pin", |words| loaded::pin(&loaded::LINKS, words)),
    ("detach", detach),
];

/// What each action is called.
#[cfg(test)]
pub fn actions() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|(name, _)| *name)
}

pub fn run(args: &[&str], common: Common) -> Result<(), Failure> {
    let (action, words) = loaded::words(args, common);
    loaded::act("link", HELP, &ACTIONS, action, &words)
}

fn show(words: &Words<'_>) -> Result<(), Failure> {
    loaded::list(&loaded::LINKS, words, tell)
}

fn detach(words: &Words<'_>) -> Result<(), Failure> {
    let (link, rest) = find_one(&loaded::LINKS, &words.words)?;
    no_more("link", rest)?;
    link_detach(link.as_fd()).map_err(|error| match error {
        Errno::OPNOTSUPP => Failure::new(Class::Missing, "links of this type can't be detached")
            .with_hint("it ends when nobody holds it any more: btfly link show says who does"),
        error => refused("detaching a link", error),
    })
}

/// How a place is told that a type of links has: each word of the kernel's answer that is told, by its
/// number, with its name. A name that begins with `attach_type` is one of an attachment.
fn fields(link_type: u32) -> &'static [(usize, Part, &'static str)] {
    use Part::{High, Low, Whole};
    match link_type {
        BPF_LINK_TYPE_TRACING => &[
            (0, Low, "attach_type"),
            (0, High, "target_obj_id"),
            (1, Low, "target_btf_id"),
            (2, Whole, "cookie"),
        ],
        BPF_LINK_TYPE_RAW_TRACEPOINT => &[(2, Whole, "cookie")],
        BPF_LINK_TYPE_CGROUP => &[(0, Whole, "cgroup_id"), (1, Low, "attach_type")],
        BPF_LINK_TYPE_NETNS => &[(0, Low, "netns_ino"), (0, High, "attach_type")],
        BPF_LINK_TYPE_XDP => &[(0, Low, "ifindex")],
        BPF_LINK_TYPE_STRUCT_OPS => &[(0, Low, "map_id")],
        BPF_LINK_TYPE_TCX | BPF_LINK_TYPE_NETKIT => {
            &[(0, Low, "ifindex"), (0, High, "attach_type")]
        }
        BPF_LINK_TYPE_SOCKMAP => &[(0, Low, "map_id"), (0, High, "attach_type")],
        BPF_LINK_TYPE_KPROBE_MULTI => &[
            (1, Low, "func_cnt"),
            (1, High, "flags"),
            (2, Whole, "missed"),
        ],
        BPF_LINK_TYPE_UPROBE_MULTI => &[(4, High, "func_cnt"), (5, Low, "flags"), (5, High, "pid")],
        BPF_LINK_TYPE_NETFILTER => &[
            (0, Low, "pf"),
            (0, High, "hook"),
            (1, Low, "prio"),
            (1, High, "flags"),
        ],
        _ => &[],
    }
}

#[derive(Clone, Copy)]
enum Part {
    Low,
    High,
    Whole,
}

fn part(word: u64, part: Part) -> u64 {
    match part {
        Part::Low => word & 0xffff_ffff,
        Part::High => word >> 32,
        Part::Whole => word,
    }
}

fn tell(link: BorrowedFd<'_>, row: &mut Row) -> io::Result<u32> {
    let (told, text) = link_details(link)?;
    let front = &told.front;
    row.begin(front.id, names::link_type(front.link_type), front.link_type);
    row.put("prog_id", "  prog ", Value::Number(front.prog_id.into()));
    let word = |at: usize| told.words.get(at).copied().unwrap_or(0);
    let mut before = "\n\t";
    let mut put = |row: &mut Row, name: &str, value: Value<'_>| {
        row.put(name, &[before, name, " "].concat(), value);
        before = "  ";
    };
    if front.link_type == BPF_LINK_TYPE_TRACING {
        let program = prog_get_fd_by_id(front.prog_id).and_then(|fd| prog_info(fd.as_fd()));
        let kind = program
            .ok()
            .and_then(|info| names::prog_type(info.prog_type));
        if let Some(kind) = kind {
            put(row, "prog_type", Value::Text(kind));
        }
    }
    let text_name = match front.link_type {
        BPF_LINK_TYPE_RAW_TRACEPOINT => "tp_name",
        BPF_LINK_TYPE_ITER => "target_name",
        BPF_LINK_TYPE_UPROBE_MULTI => "path",
        _ => "",
    };
    if !text_name.is_empty() {
        put(row, text_name, Value::Text(&text));
    }
    if front.link_type == BPF_LINK_TYPE_ITER && text.starts_with("bpf_") && contains(&text, "map") {
        put(row, "map_id", Value::Number(word(2) & 0xffff_ffff));
    }
    if front.link_type == BPF_LINK_TYPE_PERF_EVENT {
        perf_event(row, &told, &text, &mut put);
    }
    let cookies = link_cookies(link, &told).unwrap_or_default();
    if cookies.iter().any(|&cookie| cookie != 0) {
        put(row, "cookies", Value::Numbers(&cookies));
    }
    for &(at, which, name) in fields(front.link_type) {
        let value = part(word(at), which);
        match (name, value) {
            // What a kernel does not tell is 0.
            ("target_obj_id" | "target_btf_id" | "missed" | "pid" | "cookie", 0) => {}
            ("attach_type", value) => match names::attach_type(value as u32) {
                Some(kind) => put(row, name, Value::Text(kind)),
                None => put(row, name, Value::Number(value)),
            },
            _ => put(row, name, Value::Number(value)),
        }
    }
    Ok(front.id)
}

/// What a perf event is one of: a probe, a tracepoint, a counter. Kernels before 6.6 don't tell.
fn perf_event(
    row: &mut Row,
    told: &LinkDetails,
    text: &str,
    put: &mut dyn FnMut(&mut Row, &str, Value<'_>),
) {
    let word = |at: usize| told.words.get(at).copied().unwrap_or(0);
    let (name, offset, at) = match word(0) as u32 {
        perf_event::UPROBE | perf_event::URETPROBE => ("file", true, 3),
        perf_event::KPROBE | perf_event::KRETPROBE => ("func", true, 5),
        perf_event::TRACEPOINT => ("tracepoint", false, 3),
        perf_event::EVENT => {
            put(row, "event_type", Value::Number(word(2) & 0xffff_ffff));
            put(row, "event_config", Value::Number(word(1)));
            return cookie(row, word(3), put);
        }
        _ => return,
    };
    let returns = [perf_event::URETPROBE, perf_event::KRETPROBE].contains(&(word(0) as u32));
    put(row, name, Value::Text(text));
    if offset {
        put(row, "offset", Value::Number(word(2) >> 32));
        put(row, "retprobe", Value::Number(returns.into()));
    }
    self::cookie(row, word(at), put);
}

/// What `bpf_get_attach_cookie` gives the program, if that was said.
fn cookie(row: &mut Row, cookie: u64, put: &mut dyn FnMut(&mut Row, &str, Value<'_>)) {
    if cookie != 0 {
        put(row, "cookie", Value::Number(cookie));
    }
}
