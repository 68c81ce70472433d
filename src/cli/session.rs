//! What every traced object goes through: load, open rings, attach, print until told to stop.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use btfly::attach::Attacher;
use btfly::load::{self, KeepLog, Loaded, Options};
use btfly::object::{Object, Program};
use btfly::relocate::RelocationReport;
use btfly::ring::{BpfRing, PerfOptions, PerfRing, Record};
use btfly::sys::abi::{BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_RINGBUF};
use btfly::sys::poll::Poller;
use btfly::sys::signals::StopSignals;
use btfly::sys::stdio;
use rustix::fd::AsFd;

#[cfg(feature = "full")]
use super::once;
use super::output::{Patience, Written, say};
use super::sink::Sink;
#[cfg(feature = "full")]
use super::ticker::{Clock, Moment, Ticker};
use super::{Class, Common, Failure};
use crate::tools::View;

const RINGS: u8 = 0;
const SIGNALS: u8 = 1;
const OUTPUT: u8 = 2;

/// How often a look is taken for CPUs that came online, and how long a slow reader has at the end.
const CPUS_EVERY: Duration = Duration::from_millis(100);
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// Output is written when this much has gathered, and when nothing more is there.
const FLUSH: usize = 16 * 1024;

/// What is to happen around a session.
pub struct Plan<'p> {
    /// Which programs to load.
    pub choose: &'p dyn Fn(&Program<'_>) -> bool,
    /// Done when maps are there and nothing is attached yet.
    pub prepare: &'p dyn Fn(&Loaded<'_>) -> Result<(), Failure>,
    /// What the user says of its maps.
    #[cfg(feature = "full")]
    pub maps: super::maps::Maps<'p>,
    /// How programs are attached.
    #[cfg(feature = "full")]
    pub wishes: btfly::attach::Wishes,
    /// What is shown beside the events, now and then.
    #[cfg(feature = "full")]
    pub ticker: Option<&'p mut dyn Ticker>,
    /// In which form events are shown, and where.
    #[cfg(feature = "full")]
    pub output: super::output_options::OutputOptions,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Plan {
            choose: &|program| program.autoload,
            prepare: &|_| Ok(()),
            #[cfg(feature = "full")]
            maps: super::maps::Maps::default(),
            #[cfg(feature = "full")]
            wishes: btfly::attach::Wishes::NONE,
            #[cfg(feature = "full")]
            ticker: None,
            #[cfg(feature = "full")]
            output: super::output_options::OutputOptions::default(),
        }
    }
}

enum Ring {
    Perf(Box<PerfRing>),
    Bpf(BpfRing),
}

/// Loads and attaches `object`, and shows its events until a signal, the end of the time or a
/// closed output. Nothing is left behind.
pub fn run(
    object: &Object<'_>,
    common: &Common,
    plan: Plan<'_>,
    view: &mut dyn View,
) -> Result<(), Failure> {
    let kernel = common.kernel()?;
    #[cfg(feature = "full")]
    let formatted = &mut plan.output.formatted(view, object);
    #[cfg(feature = "full")]
    let view: &mut dyn View = match formatted {
        Ok(formatted) => formatted,
        Err(view) => *view,
    };
    #[cfg(feature = "full")]
    let mut sink = plan.output.sink()?;
    #[cfg(not(feature = "full"))]
    let mut sink = Sink;
    let signals = StopSignals::block().map_err(|e| Failure::other(format!("signals: {e}")))?;
    let loaded = load_object(object, common, &kernel, &plan)?;
    (plan.prepare)(&loaded)?;
    let poller = Poller::new().map_err(|e| Failure::other(format!("epoll: {e}")))?;
    let mut rings = open_rings(&loaded, &poller)?;
    poller
        .watch(signals.as_fd(), SIGNALS)
        .map_err(|e| Failure::other(format!("epoll: {e}")))?;
    // A reader of the output that goes away is noticed at once, and not when the next event comes.
    // A file can't be watched, and never goes away.
    if !sink.is_elsewhere() {
        let _ = poller.watch_closing(stdio::output(), OUTPUT);
    }

    #[cfg(feature = "full")]
    let attacher = Attacher::with(&kernel.features, &plan.wishes);
    #[cfg(not(feature = "full"))]
    let attacher = Attacher::new(&kernel.features);
    let attached = loaded.attach_by(&attacher)?;
    #[cfg(feature = "full")]
    for note in &attached.notes {
        say(format_args!("btfly: {note}\n"));
    }
    #[cfg(feature = "full")]
    let runs = once::has_runs(&loaded);
    #[cfg(not(feature = "full"))]
    let runs = false;
    if attached.links.is_empty() && !runs {
        return Err(nothing_attached(object));
    }
    #[cfg(feature = "full")]
    loaded.keep_pins();
    let mut out = Vec::with_capacity(FLUSH);
    view.header(&mut out);
    // A duration too long to be a moment is as good as none.
    let end = common.duration.and_then(|d| Instant::now().checked_add(d));
    let patience = Patience {
        signals: Some(&signals),
        end,
    };
    let silent = out.is_empty() || sink.is_elsewhere();
    let mut written = sink.header(&out, patience)?;
    out.clear();
    #[cfg(feature = "full")]
    if written == Written::All {
        written = once::run(&loaded, &attached, &mut sink, patience)?;
    }
    let lasting = attached.lasting(&loaded);
    if (rings.is_empty() || silent) && written == Written::All && lasting > 0 {
        say(format_args!(
            "btfly: {lasting} programs attached; Ctrl-C stops\n"
        ));
    }
    #[cfg(feature = "full")]
    let mut ticker = plan.ticker;
    #[cfg(feature = "full")]
    let mut clock = Clock::new(ticker.as_ref().and_then(|ticker| ticker.every()));
    let mut cpus_seen = Instant::now();
    while written == Written::All && lasting > 0 {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            break;
        }
        // Nothing is counted as shown that would be dropped: the moment comes when the reader has the last.
        #[cfg(feature = "full")]
        let left = match sink.is_behind() {
            true => left,
            false => clock.wait(left),
        };
        let ready = sink.wait(&poller, left)?;
        written = drain(&mut rings, &loaded, view, &mut out, &mut sink, patience)?;
        if cpus_seen.elapsed() >= CPUS_EVERY {
            cpus_seen = Instant::now();
            follow_cpus(&mut rings, &loaded, &poller)?;
        }
        #[cfg(feature = "full")]
        if let Some(ticker) = &mut ticker
            && written == Written::All
            && !sink.is_behind()
            && clock.is_due()
        {
            ticker.tick(&loaded, &kernel.features, Moment::Running, &mut out)?;
            written = sink.write(&out, patience)?;
            out.clear();
        }
        let stop = ready.has(SIGNALS) && signals.take().is_some();
        if stop || ready.has(OUTPUT) {
            break;
        }
    }
    drop(attached);
    // What was sent before the last program was detached still belongs to the user, who is given
    // another moment to take it.
    if written == Written::All {
        let patience = Patience {
            signals: None,
            end: Some(Instant::now() + LAST_MOMENT),
        };
        written = drain(&mut rings, &loaded, view, &mut out, &mut sink, patience)?;
        #[cfg(feature = "full")]
        if let Some(ticker) = &mut ticker
            && written == Written::All
        {
            // A program that was running as it was detached ends within a grace period.
            btfly::sys::process::wait_for_readers();
            ticker.tick(&loaded, &kernel.features, Moment::End, &mut out)?;
            written = sink.write_patiently(&out, &signals, LAST_MOMENT)?;
        }
    }
    report_losses(&mut rings, &loaded);
    match written {
        Written::Closed => Ok(()),
        _ => sink.finish(Instant::now() + LAST_MOMENT),
    }
}

/// Loads what the plan chooses, and says what `-v` is to hear.
pub fn load_object<'a>(
    object: &Object<'a>,
    common: &Common,
    kernel: &btfly::target::Kernel,
    plan: &Plan<'_>,
) -> Result<Loaded<'a>, Failure> {
    let mut print = |report: RelocationReport<'_>| say(format_args!("{report}"));
    let loaded = load::load(
        object,
        kernel,
        Options {
            choose: plan.choose,
            report: common.verbose.then_some(&mut print),
            relocate: common.relocate,
            #[cfg(feature = "full")]
            name: plan.maps.name,
            #[cfg(feature = "full")]
            maps: &plan.maps.choices,
            #[cfg(feature = "full")]
            pin_folder: plan.maps.pin_folder,
            #[cfg(feature = "full")]
            missing: plan.wishes.missing,
            log: match common.verbose {
                true => KeepLog::Whole,
                false => KeepLog::End,
            },
        },
    );
    let loaded = loaded.map_err(|error| {
        let failure = Failure::from(error);
        if common.verbose {
            failure.print_log();
        }
        failure
    })?;
    for note in loaded.notes.iter().filter(|_| common.verbose) {
        say(format_args!("{note}\n"));
    }
    #[cfg(feature = "full")]
    for error in &loaded.absent {
        say(format_args!(
            "btfly: skipped: {}\n",
            super::output::plain(&error.to_string())
        ));
    }
    Ok(loaded)
}

fn open_rings(loaded: &Loaded<'_>, poller: &Poller) -> Result<Vec<(usize, Ring)>, Failure> {
    let mut rings = Vec::new();
    for (index, map) in loaded.maps.iter().enumerate() {
        let ring = match map.map_type {
            BPF_MAP_TYPE_PERF_EVENT_ARRAY => {
                let options = PerfOptions::default();
                let ring = PerfRing::open(map.fd.as_fd(), &options, poller, RINGS)?;
                Ring::Perf(Box::new(ring))
            }
            BPF_MAP_TYPE_RINGBUF => Ring::Bpf(BpfRing::open(map.fd.as_fd(), poller, RINGS)?),
            _ => continue,
        };
        rings.push((index, ring));
    }
    Ok(rings)
}

/// Not one program has a place to run.
fn nothing_attached(object: &Object<'_>) -> Failure {
    let names: Vec<&str> = object.programs.iter().map(|p| p.name).collect();
    let names = names.join(", ");
    Failure::new(
        Class::BadObject,
        format!("nothing was attached: no program that was loaded names a place in its section ({names})"),
    )
    .with_hint("write the place into SEC(), as in SEC(\"kprobe/do_unlinkat\"); --prog NAME loads one marked with ?, and --attach NAME=PLACE says where to")
}

/// Opens rings on CPUs that came online.
fn follow_cpus(
    rings: &mut [(usize, Ring)],
    loaded: &Loaded<'_>,
    poller: &Poller,
) -> Result<(), Failure> {
    for (index, ring) in rings {
        if let (Ring::Perf(ring), Some(map)) = (ring, loaded.maps.get(*index)) {
            ring.follow_cpus(map.fd.as_fd(), poller)?;
        }
    }
    Ok(())
}

/// Hands everything that is in the rings to the view, and writes what it makes of it.
fn drain(
    rings: &mut [(usize, Ring)],
    loaded: &Loaded<'_>,
    view: &mut dyn View,
    out: &mut Vec<u8>,
    sink: &mut Sink,
    patience: Patience<'_>,
) -> Result<Written, Failure> {
    for (index, ring) in rings.iter_mut() {
        let map = loaded.maps.get(*index).map_or("", |m| m.name.as_str());
        let mut written = Ok(Written::All);
        let mut each = |cpu: u32, record: Record<'_>| {
            match record {
                Record::Sample(bytes) => view.event(map, cpu, bytes, out),
                Record::Lost(count) => {
                    say(format_args!("lost {count} events on CPU {cpu}\n"));
                    #[cfg(feature = "full")]
                    view.lost(map, cpu, count, out);
                }
            }
            if out.len() < FLUSH {
                return ControlFlow::Continue(());
            }
            written = sink.write(out, patience);
            out.clear();
            match written {
                Ok(Written::All) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        };
        let _ = match ring {
            Ring::Perf(ring) => ring.drain(&mut each),
            Ring::Bpf(ring) => ring.drain(&mut each),
        };
        let written = written?;
        if written != Written::All {
            return Ok(written);
        }
    }
    let written = sink.write(out, patience)?;
    out.clear();
    Ok(written)
}

/// Asks for losses that the kernel has not told yet, and says how many there were in all.
fn report_losses(rings: &mut [(usize, Ring)], loaded: &Loaded<'_>) {
    let mut lost = 0u64;
    for (index, ring) in rings {
        let (Ring::Perf(ring), Some(map)) = (ring, loaded.maps.get(*index)) else {
            continue;
        };
        // A kernel before 5.10 can't be asked; what it told on the way is counted all the same.
        let _ = ring.last_losses(map.fd.as_fd());
        lost = lost.saturating_add(ring.lost());
    }
    if lost > 0 {
        say(format_args!(
            "lost {lost} events in all: the rings were full\n"
        ));
    }
}
