//! What every traced object goes through: load, open rings, attach, print until told to stop.

use std::time::{Duration, Instant};

use btfly::attach::Attacher;
use btfly::load::{self, KeepLog, Loaded, Options};
use btfly::object::{Object, Program};
use btfly::relocate::RelocationReport;
use btfly::sys::signals::StopSignals;
use btfly::sys::stdio;
use rustix::fd::AsFd;

#[cfg(feature = "full")]
use super::once;
use super::output::{Patience, Written, say};
use super::rings::{FLUSH, Rings};
#[cfg(feature = "full")]
use super::status::Status;
use super::ticker::{Clock, Moment, Ticker};
use super::{Class, Common, Failure};
use crate::tools::View;

const SIGNALS: u8 = 1;
const OUTPUT: u8 = 2;

/// How long a slow reader has at the end.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// What is to happen around a session.
pub struct Plan<'p> {
    /// Which programs to load.
    pub choose: &'p dyn Fn(&Program<'_>) -> bool,
    /// Done when maps are there and nothing is attached yet.
    pub prepare: &'p dyn Fn(&Loaded<'_>) -> Result<(), Failure>,
    /// What the user says of its maps.
    pub maps: super::maps::Maps<'p>,
    /// How programs are attached.
    pub wishes: btfly::attach::Wishes,
    /// What is shown beside the events, now and then.
    pub ticker: Option<&'p mut dyn Ticker>,
    /// How often the view sums up what it has seen; `None` for only at the end.
    #[cfg(feature = "full")]
    pub sum_up_every: Option<Duration>,
    /// In which form events are shown, and where.
    pub output: super::output_options::OutputOptions,
    /// How rings are read.
    #[cfg(feature = "full")]
    pub rings: btfly::ring::RingOptions,
    /// Whether rings are read, and what they have no room for is to be counted.
    #[cfg(feature = "full")]
    pub reads_rings: bool,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Plan {
            choose: &|program| program.autoload,
            prepare: &|_| Ok(()),
            maps: super::maps::Maps::default(),
            wishes: btfly::attach::Wishes::NONE,
            ticker: None,
            #[cfg(feature = "full")]
            sum_up_every: None,
            output: super::output_options::OutputOptions::default(),
            #[cfg(feature = "full")]
            rings: btfly::ring::RingOptions::default(),
            #[cfg(feature = "full")]
            reads_rings: true,
        }
    }
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
    let formatted = &mut plan.output.formatted(view, object);
    let view: &mut dyn View = match formatted {
        Ok(formatted) => formatted,
        Err(view) => *view,
    };
    let mut sink = plan.output.sink()?;
    let signals = StopSignals::block().map_err(|e| Failure::other(format!("signals: {e}")))?;
    let loaded = load_object(object, common, &kernel, &plan)?;
    (plan.prepare)(&loaded)?;
    #[cfg(feature = "full")]
    let mut rings = Rings::open(&loaded, plan.rings)?;
    #[cfg(not(feature = "full"))]
    let mut rings = Rings::open(&loaded)?;
    rings
        .poller()
        .watch(signals.as_fd(), SIGNALS)
        .map_err(|e| Failure::other(format!("epoll: {e}")))?;
    // A reader of the output that goes away is noticed at once, and not when the next event comes.
    // A file can't be watched, and never goes away.
    if !sink.is_elsewhere() {
        let _ = rings.poller().watch_closing(stdio::output(), OUTPUT);
    }

    let attacher = Attacher::with(&kernel.features, &plan.wishes);
    let attached = loaded.attach_by(&attacher)?;
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
    let mut ticker = plan.ticker;
    let every = ticker.as_ref().and_then(|ticker| ticker.every());
    #[cfg(feature = "full")]
    let every = every.or(plan.sum_up_every);
    let mut clock = Clock::new(every);
    #[cfg(feature = "full")]
    let mut status = Status::new(&sink);
    while written == Written::All && lasting > 0 {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            break;
        }
        // Nothing is counted as shown that would be dropped: the moment comes when the reader has the last.
        let left = match sink.is_behind() {
            true => left,
            false => clock.wait(left),
        };
        #[cfg(feature = "full")]
        let left = status.as_ref().map_or(left, |status| status.wait(left));
        let ready = rings.wait(&sink, left)?;
        written = rings.drain(view, &mut out, &mut sink, patience)?;
        rings.follow_cpus()?;
        if written == Written::All && !sink.is_behind() && clock.is_due() {
            #[cfg(feature = "full")]
            if plan.sum_up_every.is_some() {
                view.sum_up(&mut out);
            }
            if let Some(ticker) = &mut ticker {
                ticker.tick(&loaded, &kernel.features, Moment::Running, &mut out)?;
            }
            written = sink.write(&out, patience)?;
            out.clear();
        }
        #[cfg(feature = "full")]
        if let Some(status) = &mut status {
            status.show(&sink, rings.numbers(&sink));
        }
        if ticker.as_ref().is_some_and(|ticker| ticker.is_over()) {
            break;
        }
        let stop = ready.has(SIGNALS) && signals.take().is_some();
        if stop || ready.has(OUTPUT) {
            break;
        }
    }
    #[cfg(feature = "full")]
    drop(status);
    drop(attached);
    // What was sent before the last program was detached still belongs to the user, who is given
    // another moment to take it.
    if written == Written::All {
        let patience = Patience {
            signals: None,
            end: Some(Instant::now() + LAST_MOMENT),
        };
        written = rings.finish(view, &mut out, &mut sink, patience)?;
        if let Some(ticker) = &mut ticker
            && written == Written::All
            && !ticker.is_over()
        {
            ticker.tick(&loaded, &kernel.features, Moment::End, &mut out)?;
            written = sink.write_patiently(&out, &signals, LAST_MOMENT * 10)?;
        }
    }
    rings.report_losses();
    match written {
        Written::Closed => Ok(()),
        _ => sink.finish(LAST_MOMENT),
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
            name: plan.maps.name,
            maps: &plan.maps.choices,
            pin_folder: plan.maps.pin_folder,
            #[cfg(feature = "full")]
            missing: plan.wishes.missing,
            #[cfg(feature = "full")]
            count_failures: plan.reads_rings,
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
