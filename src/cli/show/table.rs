//! Rows under a header: the columns of the key, the CPU, those of the value.

use std::cmp::Reverse;

use btfly::load::Loaded;
use btfly::value::{Plan, WallClock, column, escape, push_hex};

use super::super::Failure;
use super::json;
use super::names::Pointers;
use super::options::ShowOptions;
use super::source::{Row, Side, Source};
use super::stacks::Stacks;

/// How rows are chosen and put in order.
pub struct Table {
    /// Rows at most.
    most: Option<usize>,
    by: Option<By>,
    folded: bool,
    stacks: Option<Stacks>,
    pointers: Option<Pointers>,
}

/// A number that rows are put in order by.
struct By {
    side: Place,
    field: String,
}

#[derive(Clone, Copy)]
enum Place {
    Key,
    Value,
}

impl Table {
    pub fn new(
        source: &Source,
        options: &ShowOptions<'_>,
        stacks: Option<Stacks>,
    ) -> Result<Table, Failure> {
        let most = options.top.or(options.rows);
        let ordered = most.is_some() || options.folded;
        let by = match options.by {
            Some(field) => Some(By::find(source, field)?),
            None if ordered => Some(By::usual(source)?),
            None => None,
        };
        if options.folded && stacks.is_none() {
            let what = format!("--folded: nothing in {} is a stack id", source.name);
            return Err(Failure::usage(what).with_hint(
                "a field with stack and id in its name is one; --stacks MAP makes a key one",
            ));
        }
        Ok(Table {
            most,
            by,
            folded: options.folded,
            stacks,
            pointers: Pointers::find(source),
        })
    }

    /// Puts rows in order, and reads the stacks that they name.
    pub fn choose(
        &mut self,
        source: &Source,
        rows: &mut Vec<Row>,
        loaded: &Loaded<'_>,
    ) -> Result<(), Failure> {
        match &self.by {
            Some(by) => {
                rows.sort_by_cached_key(|row| (Reverse(by.number(source, row)), order(source, row)))
            }
            None => rows.sort_by_cached_key(|row| order(source, row)),
        }
        rows.truncate(self.most.unwrap_or(usize::MAX));
        if let Some(pointers) = &mut self.pointers {
            pointers.read(source, rows);
        }
        match &mut self.stacks {
            Some(stacks) => stacks.read(source, rows, loaded),
            None => Ok(()),
        }
    }

    /// Appends each row as JSON.
    pub fn json(&self, clock: &mut WallClock, source: &Source, rows: &[Row], out: &mut Vec<u8>) {
        for row in rows {
            let (stacks, pointers) = (self.stacks.as_ref(), self.pointers.as_ref());
            json::entry(clock, source, row, stacks, pointers, out);
        }
    }

    /// Appends the rows under their header, or as folded stacks.
    pub fn show(&self, source: &Source, rows: &[Row], out: &mut Vec<u8>) {
        if self.folded {
            if let (Some(stacks), Some(by)) = (&self.stacks, &self.by) {
                for row in rows {
                    stacks.fold(source, row, by.number(source, row), out);
                }
            }
            return;
        }
        if source.is_single()
            && let Side::Typed(plan) = &source.value
            && plan.has_fields()
        {
            for row in rows {
                plan.tree(&row.value, out);
                out.push(b'\n');
            }
            return;
        }
        let by_cpu = rows.iter().any(|row| row.cpu.is_some());
        header(&source.key, "KEY", out);
        if by_cpu {
            column(b"CPU", CPU_WIDTH, out);
        }
        header(&source.value, "VALUE", out);
        end_line(out);
        for row in rows {
            cells(&source.key, &row.key, out);
            if let Some(cpu) = row.cpu {
                column(cpu.to_string().as_bytes(), CPU_WIDTH, out);
            }
            cells(&source.value, &row.value, out);
            end_line(out);
            if let Some(pointers) = &self.pointers {
                pointers.show(source, row, out);
            }
            if let Some(stacks) = &self.stacks {
                stacks.show(source, row, out);
            }
        }
    }
}

const CPU_WIDTH: usize = 4;

impl By {
    fn find(source: &Source, name: &str) -> Result<By, Failure> {
        let sides = [(Place::Value, &source.value), (Place::Key, &source.key)];
        for (place, side) in sides {
            if let Side::Typed(plan) = side
                && let Some(field) = plan.field(name)
                && field.is_number()
            {
                return Ok(By {
                    side: place,
                    field: name.into(),
                });
            }
        }
        let what = format!("--by {name}: {} has no number of that name", source.name);
        Err(Failure::usage(what).with_hint(numbers(source)))
    }

    fn usual(source: &Source) -> Result<By, Failure> {
        let first = source.first_counter();
        let field = first.ok_or_else(|| {
            let what = format!("nothing in {} counts", source.name);
            Failure::usage(what).with_hint(numbers(source))
        })?;
        Ok(By {
            side: Place::Value,
            field: field.into(),
        })
    }

    fn number(&self, source: &Source, row: &Row) -> u64 {
        let (side, bytes) = match self.side {
            Place::Key => (&source.key, &row.key),
            Place::Value => (&source.value, &row.value),
        };
        let Side::Typed(plan) = side else {
            return 0;
        };
        let field = plan.field(&self.field);
        field.and_then(|field| field.number(bytes)).unwrap_or(0)
    }
}

fn numbers(source: &Source) -> String {
    let plans = [&source.value, &source.key]
        .into_iter()
        .filter_map(|side| match side {
            Side::Typed(plan) => Some(plan),
            _ => None,
        });
    let names: Vec<&str> = plans
        .flat_map(Plan::fields)
        .filter(|field| field.is_number())
        .map(|field| field.name)
        .collect();
    match names.is_empty() {
        true => "it has no numbers: its types are not known".into(),
        false => format!("--by takes one of {}", names.join(", ")),
    }
}

/// What puts rows in order: the key's fields, numbers as numbers.
fn order(source: &Source, row: &Row) -> Vec<u8> {
    let mut order = Vec::new();
    match &source.key {
        Side::Typed(plan) => {
            for field in plan.fields() {
                match field.number(&row.key) {
                    Some(number) => order.extend(number.to_be_bytes()),
                    None => order.extend(field.bytes(&row.key).unwrap_or_default()),
                }
            }
        }
        _ => order.extend(&row.key),
    }
    order
}

fn header(side: &Side, name: &str, out: &mut Vec<u8>) {
    match side {
        Side::Typed(plan) if plan.has_fields() => {
            plan.header(out);
            if let Some(last) = plan.fields().last() {
                let shown = last.name.chars().count();
                out.resize(out.len() + last.width.saturating_sub(shown) + 1, b' ');
            }
        }
        Side::Typed(plan) => {
            let width = plan.fields().next().map_or(0, |field| field.width);
            column(name.as_bytes(), width, out);
        }
        Side::Bytes(size) => {
            let name = format!("{name} (hex)");
            column(name.as_bytes(), hex_width(*size), out);
        }
        Side::Nothing => {}
    }
}

fn cells(side: &Side, bytes: &[u8], out: &mut Vec<u8>) {
    match side {
        Side::Typed(plan) => {
            for field in plan.fields() {
                plan.cell(&field, bytes, out);
            }
        }
        Side::Bytes(size) => {
            let mut text = Vec::with_capacity(bytes.len() * 2);
            for byte in bytes.get(..*size).unwrap_or(bytes) {
                if *byte < 16 {
                    text.push(b'0');
                }
                push_hex(u64::from(*byte), &mut text);
            }
            column(&text, hex_width(*size), out);
        }
        Side::Nothing => {}
    }
}

/// Room for the word above the column, too.
fn hex_width(size: usize) -> usize {
    size.saturating_mul(2).clamp(11, 64)
}

fn end_line(out: &mut Vec<u8>) {
    while out.last() == Some(&b' ') {
        out.pop();
    }
    out.push(b'\n');
}

/// One field's text without the spaces that fill its column.
pub fn text(plan: &Plan, field: &btfly::value::Field<'_>, bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    plan.cell(field, bytes, out);
    while out.len() > start && out.last() == Some(&b' ') {
        out.pop();
    }
}

/// A name of the user's, harmless to a terminal.
pub fn plain(name: &str, out: &mut Vec<u8>) {
    escape(name.as_bytes(), out);
}
