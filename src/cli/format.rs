//! The forms in which events are shown: columns for people; JSON, CSV and trees of what a view says of each
//! event.

#[cfg(feature = "full")]
use btfly::ring::Batch;
use btfly::sys::kernel::{Clock, now_ns};
#[cfg(feature = "full")]
use btfly::value::{Cells, escape};
use btfly::value::{Fields, Start, WallClock, escape_json, push_unsigned};

use super::output_options::OutputOptions;
#[cfg(feature = "full")]
use super::sink::Notice;
use crate::tools::View;

/// A form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Columns, as the view makes them.
    #[default]
    Text,
    Json,
    #[cfg(feature = "full")]
    Csv,
    #[cfg(feature = "full")]
    Tree,
}

#[cfg(feature = "full")]
impl Format {
    /// What stands in the output where lines of it were dropped.
    pub fn notice(self) -> Notice {
        match self {
            Format::Json => |lines, out| {
                let mut clock = WallClock::default();
                begin(&mut clock, now_ns(Clock::Realtime), out);
                out.extend_from_slice(b",\"dropped\":");
                push_unsigned(lines, out);
                out.extend_from_slice(b"}\n");
            },
            // What is not data has no place in a table, and people read it on standard error.
            Format::Csv => |_, _| {},
            Format::Text | Format::Tree => |lines, out| {
                out.extend_from_slice(b"... dropped ");
                push_unsigned(lines, out);
                out.extend_from_slice(b" lines\n");
            },
        }
    }
}

/// So many events that are read in one go have the same time at most.
const ONE_TIME: u32 = 32;

/// A view whose events have another form, or a time before them.
pub struct Formatted<'v> {
    view: &'v mut dyn View,
    format: Format,
    timestamp: bool,
    clock: WallClock,
    now: i64,
    /// So many more events have that time.
    valid: u32,
    #[cfg(feature = "full")]
    cells: Cells,
    /// Maps whose records do not say on which CPU they were sent.
    without_cpu: Vec<String>,
    place: Place,
}

/// Where the last event came from and when, as its JSON begins.
#[derive(Default)]
struct Place {
    map: String,
    cpu: u32,
    json: Start,
}

impl<'v> Formatted<'v> {
    pub fn new(
        view: &'v mut dyn View,
        options: &OutputOptions,
        without_cpu: Vec<String>,
    ) -> Formatted<'v> {
        #[cfg(feature = "full")]
        let cells = match options.format {
            Format::Csv => Cells::new(view.names().into_iter()),
            _ => Cells::default(),
        };
        Formatted {
            view,
            format: options.format,
            timestamp: options.timestamp,
            clock: WallClock::default(),
            now: 0,
            valid: 0,
            #[cfg(feature = "full")]
            cells,
            without_cpu,
            place: Place::default(),
        }
    }

    /// When events come one after the other, the kernel is not asked for each.
    fn now(&mut self) -> i64 {
        if self.valid == 0 {
            self.now = now_ns(Clock::Realtime);
            self.valid = ONE_TIME;
        }
        self.valid -= 1;
        self.now
    }

    fn has_cpu(&self, map: &str) -> bool {
        !self.without_cpu.iter().any(|name| name == map)
    }

    fn begin_at(&mut self, map: &str, cpu: u32) {
        let (now, has_cpu) = (self.now(), self.has_cpu(map));
        let Formatted { place, clock, .. } = self;
        place.json.set(|json| {
            begin(clock, now, json);
            json.extend_from_slice(b",\"cpu\":");
            match has_cpu {
                true => push_unsigned(u64::from(cpu), json),
                false => json.extend_from_slice(b"null"),
            }
            json.extend_from_slice(b",\"map\":\"");
            escape_json(map.as_bytes(), json);
            json.push(b'"');
        });
        place.map.clear();
        place.map.push_str(map);
        place.cpu = cpu;
    }

    fn json(&mut self, map: &str, cpu: u32, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let same = self.place.cpu == cpu && self.place.map == map;
        match self.valid > 0 && same {
            true => self.valid -= 1,
            false => self.begin_at(map, cpu),
        }
        let mut fields = Fields::json(&self.place.json, out);
        let shown = self.view.fields(map, bytes, &mut fields);
        fields.end();
        shown
    }

    #[cfg(feature = "full")]
    fn csv(&mut self, map: &str, cpu: u32, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let now = self.now();
        let (clock, cells) = (&mut self.clock, &mut self.cells);
        cells.cell("time", |out| clock.push(now, out));
        cells.cell("map", |out| escape(map.as_bytes(), out));
        if self.has_cpu(map) {
            self.cells
                .cell("cpu", |out| push_unsigned(u64::from(cpu), out));
        }
        let mut fields = Fields::csv(&mut self.cells);
        let shown = self.view.fields(map, bytes, &mut fields);
        fields.end();
        self.cells.row(out);
        shown
    }

    #[cfg(feature = "full")]
    fn tree(&mut self, map: &str, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        self.stamp(out);
        escape(map.as_bytes(), out);
        out.push(b' ');
        let mut fields = Fields::tree(out);
        let shown = self.view.fields(map, bytes, &mut fields);
        fields.end();
        shown
    }

    fn text(&mut self, map: &str, cpu: u32, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        self.stamp(out);
        let start = out.len();
        self.view.event(map, cpu, bytes, out);
        out.len() > start
    }

    fn stamp(&mut self, out: &mut Vec<u8>) {
        if self.timestamp {
            let now = self.now();
            self.clock.push(now, out);
            out.push(b' ');
        }
    }
}

/// Begins an object with its time.
pub(super) fn begin(clock: &mut WallClock, wall_ns: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    clock.push(wall_ns, out);
    out.push(b'"');
}

impl View for Formatted<'_> {
    fn header(&mut self, out: &mut Vec<u8>) {
        match self.format {
            #[cfg(feature = "full")]
            Format::Csv => self.cells.header(out),
            #[cfg(feature = "full")]
            Format::Tree => {}
            Format::Json => {}
            Format::Text => {
                let start = out.len();
                self.view.header(out);
                if self.timestamp {
                    let lines = out.split_off(start);
                    for line in lines.split_inclusive(|&b| b == b'\n') {
                        let column = out.len();
                        out.extend_from_slice(b"TIME");
                        out.resize(column + WallClock::WIDTH + 1, b' ');
                        out.extend_from_slice(line);
                    }
                }
            }
        }
    }

    fn event(&mut self, map: &str, cpu: u32, bytes: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        let shown = match self.format {
            Format::Text => self.text(map, cpu, bytes, out),
            Format::Json => self.json(map, cpu, bytes, out),
            #[cfg(feature = "full")]
            Format::Csv => self.csv(map, cpu, bytes, out),
            #[cfg(feature = "full")]
            Format::Tree => self.tree(map, bytes, out),
        };
        if !shown {
            out.truncate(start);
        }
    }

    fn look(&mut self) {
        self.valid = 0;
        self.view.look();
    }

    #[cfg(feature = "full")]
    fn names(&self) -> Vec<String> {
        self.view.names()
    }

    fn fields(&mut self, map: &str, bytes: &[u8], to: &mut Fields<'_>) -> bool {
        self.view.fields(map, bytes, to)
    }

    #[cfg(feature = "full")]
    fn counts(&self) -> bool {
        self.view.counts()
    }

    #[cfg(feature = "full")]
    fn counted(&mut self, map: &str, batch: Batch) {
        self.view.counted(map, batch);
    }

    #[cfg(feature = "full")]
    fn sum_up(&mut self, out: &mut Vec<u8>) {
        let now = now_ns(Clock::Realtime);
        match self.format {
            Format::Text | Format::Tree => {
                let start = out.len();
                self.view.sum_up(out);
                if self.timestamp {
                    for line in out.split_off(start).split_inclusive(|&b| b == b'\n') {
                        self.stamp(out);
                        out.extend_from_slice(line);
                    }
                }
            }
            Format::Json => {
                for total in self.view.totals() {
                    begin(&mut self.clock, now, out);
                    out.extend_from_slice(b",\"map\":\"");
                    escape_json(total.map.as_bytes(), out);
                    out.push(b'"');
                    for (name, number) in total.numbers() {
                        out.extend_from_slice(b",\"");
                        out.extend_from_slice(name.as_bytes());
                        out.extend_from_slice(b"\":");
                        push_unsigned(number, out);
                    }
                    out.extend_from_slice(b"}\n");
                }
            }
            Format::Csv => {
                let (clock, cells) = (&mut self.clock, &mut self.cells);
                for total in self.view.totals() {
                    cells.cell("time", |out| clock.push(now, out));
                    cells.cell("map", |out| escape(total.map.as_bytes(), out));
                    for (name, number) in total.numbers() {
                        cells.cell(name, |out| push_unsigned(number, out));
                    }
                    cells.row(out);
                }
            }
        }
    }

    fn lost(&mut self, map: &str, cpu: u32, count: u64, out: &mut Vec<u8>) {
        self.view.lost(map, cpu, count, out);
        if self.format != Format::Json {
            return;
        }
        begin(&mut self.clock, now_ns(Clock::Realtime), out);
        out.extend_from_slice(b",\"cpu\":");
        match self.has_cpu(map) {
            true => push_unsigned(u64::from(cpu), out),
            false => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"map\":\"");
        escape_json(map.as_bytes(), out);
        out.extend_from_slice(b"\",\"lost\":");
        push_unsigned(count, out);
        out.extend_from_slice(b"}\n");
    }
}
