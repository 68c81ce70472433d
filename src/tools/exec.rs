//! `btfly exec`: programs as they start.

use btfly::object::Object;
use btfly::sys::{kernel, process};
use btfly::target::tracepoint_fields;
use btfly::text::has;
use btfly::value::Fields;
use btfly::value::{escape, push_signed, push_unsigned, until_nul};

use super::packed::packed;
use super::{Given, Optional, Options, Own, Prepared, Stop, Tool, Types, View, Work, options};

pub const TOOL: Tool = Tool {
    name: "exec",
    alias: "execsnoop",
    about: "programs as they start: name, process, parent, result and arguments",
    object: packed!("exec"),
    work: Work::Own(Own {
        options: OPTIONS,
        prepare,
    }),
};

const OPTIONS: Options = options![
    opt("T", "time", "", "print the time of day (UTC)", ""),
    opt(
        "t",
        "timestamp",
        "",
        "print seconds since the start of the trace",
        "",
    ),
    opt("x", "fails", "", "print starts that fail, too", ""),
    opt("u", "uid", "UID", "only programs of this user", ""),
    opt("U", "print-uid", "", "print the user", ""),
    opt("q", "quote", "", "put each argument in quotation marks", ""),
    opt(
        "n",
        "name",
        "NAME",
        "only programs whose name contains this",
        "",
    ),
    opt(
        "l",
        "line",
        "LINE",
        "only command lines that contain this",
        ""
    ),
    opt(
        "",
        "max-args",
        "N",
        "print at most so many arguments behind the path (59)",
        "",
    ),
];

/// What is asked for.
struct Exec {
    time: bool,
    timestamp: bool,
    fails: bool,
    uid: Option<u32>,
    print_uid: bool,
    quote: bool,
    name: Option<String>,
    line: Option<String>,
    max_args: u32,
}

impl Exec {
    fn of(given: Given<'_>) -> Result<Exec, Stop> {
        let value = |name: &str| {
            given
                .iter()
                .rev()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| *v)
        };
        let is = |name: &str| value(name).is_some();
        let number = |name: &str| {
            let Some(text) = value(name) else {
                return Ok(None);
            };
            let bad = || Stop::Options(["--", name, " ", text, ": it takes a number"].concat());
            text.parse().map(Some).map_err(|_| bad())
        };
        Ok(Exec {
            time: is("time"),
            timestamp: is("timestamp"),
            fails: is("fails"),
            uid: number("uid")?,
            print_uid: is("print-uid"),
            quote: is("quote"),
            name: value("name").map(Into::into),
            line: value("line").map(Into::into),
            max_args: number("max-args")?.unwrap_or(59),
        })
    }
}

fn prepare(given: Given<'_>, object: Object<'static>, types: Types) -> Result<Prepared, Stop> {
    let options = Exec::of(given)?;
    let mut object = object
        .set("include_failed", &options.fails)?
        .set("target_uid", &options.uid.unwrap_or(u32::MAX))?
        .set("max_args", &options.max_args)?;
    match types {
        // What is only for kernels without types costs no memory on others.
        Types::Known => {
            for map in &mut object.maps {
                if matches!(map.name, "captured" | "parents") {
                    map.max_entries = 1;
                }
            }
        }
        // Parents are learnt from forks, and the path from the tracepoint of a start.
        Types::Unknown => {
            for (global, tracepoint, field) in [
                ("child_pid_offset", "sched_process_fork", "child_pid"),
                ("filename_offset", "sched_process_exec", "filename"),
            ] {
                if let Some(offset) = field_offset(tracepoint, field) {
                    object = object.set(global, &offset)?;
                }
            }
        }
    }
    Ok(Prepared {
        object,
        optional: match types {
            Types::Known => Optional::Leave,
            Types::Unknown => Optional::Load,
        },
        view: Box::new(Starts {
            options,
            start_ns: kernel::now_ns(kernel::Clock::Monotonic).unsigned_abs(),
            line: Vec::with_capacity(256),
        }),
    })
}

fn field_offset(tracepoint: &str, field: &str) -> Option<u32> {
    let fields = tracepoint_fields("sched", tracepoint)?;
    Some(fields.iter().find(|f| f.name == field)?.offset)
}

/// An event, as `struct event` in exec.bpf.c lays it out.
struct Event<'e> {
    time_ns: u64,
    pid: u32,
    ppid: u32,
    uid: u32,
    ret: i32,
    flags: u32,
    comm: &'e [u8],
    argv0: &'e [u8],
    args: &'e [u8],
}

const TRUNCATED: u32 = 1;

impl<'e> Event<'e> {
    fn parse(bytes: &'e [u8]) -> Option<Event<'e>> {
        let (time, bytes) = bytes.split_first_chunk()?;
        let (words, bytes) = bytes.split_first_chunk::<24>()?;
        let word = |i: usize| {
            let at = words.get(i * 4..)?.first_chunk()?;
            Some(u32::from_le_bytes(*at))
        };
        let (comm, bytes) = bytes.split_first_chunk::<16>()?;
        let (argv0, args) = bytes.split_first_chunk::<32>()?;
        Some(Event {
            time_ns: u64::from_le_bytes(*time),
            pid: word(0)?,
            ppid: word(1)?,
            uid: word(2)?,
            ret: word(3)?.cast_signed(),
            flags: word(4)?,
            comm: until_nul(comm),
            argv0: until_nul(argv0),
            args: args.get(..word(5)? as usize).unwrap_or(args),
        })
    }

    fn parent(&self) -> u32 {
        match self.ppid {
            0 => process::parent(self.pid).unwrap_or(0),
            known => known,
        }
    }

    /// The path and the arguments behind argv[0], as the caller gave them.
    fn words(&self) -> impl Iterator<Item = &'e [u8]> {
        let ended = self.args.strip_suffix(b"\0").unwrap_or(self.args);
        let mut words = ended.split(|&b| b == 0);
        let path = words.next().unwrap_or_default();
        let mut arguments = words.clone();
        let first = arguments.next().unwrap_or_default();
        // The kernel puts a script's interpreter, its option and the script's path in the place of
        // argv[0]; what follows the path is the caller's.
        let cut = first.get(..self.argv0.len().min(31)) != Some(self.argv0);
        if self.ret == 0 && !self.argv0.is_empty() && cut {
            let mut behind = arguments.clone();
            if behind.any(|word| word == path) {
                arguments = behind;
            }
        }
        // A busybox shell starts its own applets so, and only argv[0] says which.
        let path = match path {
            b"/proc/self/exe" if !first.is_empty() => first,
            path => path,
        };
        std::iter::once(path).chain(arguments)
    }
}

struct Starts {
    options: Exec,
    /// When the trace began, by the monotonic clock.
    start_ns: u64,
    line: Vec<u8>,
}

impl Starts {
    fn time(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        if self.options.time {
            // Asked each time: a board without a clock gets the time from the network some day.
            let wall = (event.time_ns as i64).saturating_add(kernel::monotonic_to_wall_ns());
            let second = wall.div_euclid(1_000_000_000).rem_euclid(86_400);
            for (part, end) in [(second / 3600, b':'), (second / 60, b':'), (second, b' ')] {
                let part = (part % 60) as u8;
                out.extend_from_slice(&[b'0' + part / 10, b'0' + part % 10, end]);
            }
        }
        if self.options.timestamp {
            let since = event.time_ns.saturating_sub(self.start_ns) / 1_000_000;
            let start = out.len();
            push_unsigned(since / 1000, out);
            let digit = |unit: u64| b'0' + (since / unit % 10) as u8;
            out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
            pad(start, 10, out);
        }
    }

    /// Puts the line together, and says whether the event is one of those asked for.
    fn is_wanted(&mut self, event: &Event<'_>) -> bool {
        if self
            .options
            .name
            .as_ref()
            .is_some_and(|n| !has(event.comm, n.as_bytes()))
        {
            return false;
        }
        self.line.clear();
        let most = (self.options.max_args as usize).saturating_add(1);
        let mut more = event.flags & TRUNCATED != 0;
        for (index, word) in event.words().enumerate() {
            if index == most {
                more = true;
                break;
            }
            if index > 0 {
                self.line.push(b' ');
            }
            if !self.options.quote {
                escape(word, &mut self.line);
                continue;
            }
            self.line.push(b'"');
            for (index, part) in word.split(|&b| b == b'"').enumerate() {
                if index > 0 {
                    self.line.extend_from_slice(b"\\\"");
                }
                escape(part, &mut self.line);
            }
            self.line.push(b'"');
        }
        if more {
            self.line.extend_from_slice(b" ...");
        }
        if self
            .options
            .line
            .as_ref()
            .is_some_and(|l| !has(&self.line, l.as_bytes()))
        {
            return false;
        }
        true
    }

    fn number(value: i64, width: usize, out: &mut Vec<u8>) {
        let start = out.len();
        push_signed(value, out);
        pad(start, width, out);
    }
}

/// Fills up with spaces what was written from `start` on, to `width` characters; one at least.
fn pad(start: usize, width: usize, out: &mut Vec<u8>) {
    let end = (start + width).max(out.len() + 1);
    out.resize(end, b' ');
}

impl View for Starts {
    fn header(&mut self, out: &mut Vec<u8>) {
        if self.options.time {
            out.extend_from_slice(b"TIME     ");
        }
        if self.options.timestamp {
            out.extend_from_slice(b"TIME(s)   ");
        }
        if self.options.print_uid {
            out.extend_from_slice(b"UID    ");
        }
        out.extend_from_slice(b"PCOMM            PID    PPID   RET ARGS\n");
    }

    fn event(&mut self, _: &str, _: u32, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(event) = Event::parse(bytes) else {
            return;
        };
        if !self.is_wanted(&event) {
            return;
        }
        self.time(&event, out);
        if self.options.print_uid {
            Starts::number(i64::from(event.uid), 7, out);
        }
        let start = out.len();
        escape(event.comm, out);
        pad(start, 17, out);
        Starts::number(i64::from(event.pid), 7, out);
        Starts::number(i64::from(event.parent()), 7, out);
        if (0..10).contains(&event.ret) {
            out.extend_from_slice(b"  ");
        } else if (-9..100).contains(&event.ret) {
            out.push(b' ');
        }
        push_signed(i64::from(event.ret), out);
        out.push(b' ');
        out.extend_from_slice(&self.line);
        out.push(b'\n');
    }

    #[cfg(feature = "full")]
    fn names(&self) -> Vec<String> {
        let names = ["pcomm", "pid", "ppid", "uid", "ret", "args", "truncated"];
        names.map(Into::into).to_vec()
    }

    fn fields(&mut self, _: &str, bytes: &[u8], to: &mut Fields<'_>) -> bool {
        let Some(event) = Event::parse(bytes).filter(|event| self.is_wanted(event)) else {
            return false;
        };
        let most = (self.options.max_args as usize).saturating_add(1);
        let truncated = event.flags & TRUNCATED != 0 || event.words().nth(most).is_some();
        to.kind(Some("exec"));
        to.text("pcomm", event.comm);
        to.unsigned("pid", event.pid.into());
        to.unsigned("ppid", event.parent().into());
        to.unsigned("uid", event.uid.into());
        to.signed("ret", event.ret.into());
        to.texts("args", event.words().take(most));
        to.boolean("truncated", truncated);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(argv0: &[u8], ret: i32, args: &[u8]) -> Vec<String> {
        let event = Event {
            time_ns: 0,
            pid: 1,
            ppid: 1,
            uid: 0,
            ret,
            flags: 0,
            comm: b"x",
            argv0,
            args,
        };
        event
            .words()
            .map(|w| String::from_utf8_lossy(w).into_owned())
            .collect()
    }

    #[test]
    fn the_path_stands_for_the_first_argument() {
        assert_eq!(
            words(b"ls", 0, b"/bin/ls\0ls\0-l\0/etc\0"),
            ["/bin/ls", "-l", "/etc"]
        );
        assert_eq!(words(b"a", 0, b"/a\0a\0\0b\0"), ["/a", "", "b"]);
    }

    #[test]
    fn a_script_shows_what_was_typed_and_not_its_interpreter() {
        let args = b"/s.sh\0/bin/sh\0-e\0/s.sh\0one\0";
        assert_eq!(words(b"s.sh", 0, args), ["/s.sh", "one"]);
    }

    #[test]
    fn a_record_that_is_too_short_is_no_event() {
        assert!(Event::parse(&[0; 40]).is_none());
        assert!(Event::parse(&[0; 80]).is_some());
    }
}
