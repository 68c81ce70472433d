//! `--show` and `--hist`: maps and variables, while programs run and when they have ended.

mod histogram;
mod json;
mod names;
mod options;
mod source;
mod stacks;
mod table;

pub use options::{HELP, ShowOptions};

use std::time::Duration;

use btfly::load::Loaded;
use btfly::object::Object;
use btfly::sys::kernel::{Clock, now_ns};
use btfly::sys::{Features, stdio};

use btfly::value::WallClock;

use super::Failure;
use super::format::Format;
use super::output_options::OutputOptions;
use super::ticker::{Moment, Ticker};
use histogram::Histogram;
use source::Source;
use stacks::Stacks;
use table::Table;

/// How often a screen is renewed.
const SCREEN_EVERY: Duration = Duration::from_secs(1);

/// Puts the cursor into the first corner, and clears what is behind it.
const CLEAR_SCREEN: &[u8] = b"\x1b[H\x1b[J";

/// All that is shown.
pub struct Shows {
    items: Vec<(Source, How)>,
    every: Option<Duration>,
    /// How often it is still to be shown; `None`: until the end.
    left: Option<u64>,
    /// Whether each time is a new screen.
    screen: bool,
    /// Whether something was shown before.
    begun: bool,
    json: bool,
    /// Whether the time stands above what is shown.
    timestamp: bool,
    clock: WallClock,
}

enum How {
    Table(Table),
    Histogram(Histogram),
}

impl Shows {
    /// Finds what is to be shown in the object. `None`: nothing.
    pub fn new(
        object: &Object<'_>,
        options: &ShowOptions<'_>,
        output: &OutputOptions,
    ) -> Result<Option<Shows>, Failure> {
        if options.is_empty() {
            return Ok(None);
        }
        let format = output.format;
        #[cfg(feature = "full")]
        let is_table = format == Format::Csv;
        #[cfg(not(feature = "full"))]
        let is_table = false;
        if is_table || (options.folded && format == Format::Json) {
            let what = "maps are shown as tables or by --json, and stacks by --folded";
            return Err(Failure::usage(what).with_hint("leave --csv away, or --show and --hist"));
        }
        let json = format == Format::Json;
        let mut items = Vec::new();
        for name in &options.shows {
            let source = Source::find(object, "--show", name, options.clear)?;
            #[cfg(feature = "full")]
            let given = options.stacks;
            #[cfg(not(feature = "full"))]
            let given = None;
            let stacks = Stacks::find(object, &source, given)?;
            let table = Table::new(&source, options, stacks)?;
            items.push((source, How::Table(table)));
        }
        for text in &options.histograms {
            let (source, histogram) = Histogram::find(object, text, options)?;
            items.push((source, How::Histogram(histogram)));
        }
        let every = options.interval.or(options.top.map(|_| SCREEN_EVERY));
        Ok(Some(Shows {
            items,
            every,
            left: options.times,
            screen: options.top.is_some() && !json && stdio::is_terminal(stdio::output()),
            begun: false,
            json,
            timestamp: output.timestamp && !json && !options.folded,
            clock: WallClock::default(),
        }))
    }
}

impl Ticker for Shows {
    fn every(&self) -> Option<Duration> {
        self.every
    }

    fn is_over(&self) -> bool {
        self.left == Some(0)
    }

    fn tick(
        &mut self,
        loaded: &Loaded<'_>,
        features: &Features,
        _: Moment,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        self.left = self.left.map(|left| left.saturating_sub(1));
        if self.screen {
            out.extend_from_slice(CLEAR_SCREEN);
        }
        let several = self.items.len() > 1;
        let mut stamp = self.timestamp;
        for (source, how) in &mut self.items {
            let mut rows = source.rows(loaded, features)?;
            if let How::Table(table) = how {
                table.choose(source, &mut rows, loaded)?;
            }
            if self.json {
                match how {
                    How::Table(table) => table.json(&mut self.clock, source, &rows, out),
                    How::Histogram(drawn) => drawn.json(&mut self.clock, source, &rows, out),
                }
                continue;
            }
            if std::mem::replace(&mut self.begun, true) && !self.screen {
                out.push(b'\n');
            }
            if std::mem::take(&mut stamp) {
                self.clock.push(now_ns(Clock::Realtime), out);
                out.push(b'\n');
            }
            if several {
                btfly::value::escape(source.name.as_bytes(), out);
                out.extend_from_slice(b":\n");
            }
            match how {
                How::Table(table) => table.show(source, &rows, out),
                How::Histogram(histogram) => histogram.show(source, &rows, out),
            }
        }
        Ok(())
    }
}
