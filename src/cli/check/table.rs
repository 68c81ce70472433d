//! The verdicts as a table for people, 80 columns wide: each object, and below it a row for each
//! kernel.

use super::super::output::plain;
use super::{Place, Row, Verdict};

const WIDTH: usize = 80;

/// Kernels whose names are longer stand on a line of their own.
const LONGEST_LABEL: usize = 44;

pub fn table(rows: &[Row<'_>]) -> String {
    let mut out = String::new();
    let labels = rows.iter().map(|row| row.kernel.label.chars().count());
    let column = labels
        .filter(|len| *len <= LONGEST_LABEL)
        .max()
        .unwrap_or(0);
    let mut objects: Vec<&str> = Vec::new();
    for row in rows {
        if !objects.contains(&row.object) {
            objects.push(row.object);
        }
    }
    for object in objects {
        out.push_str(&plain(object));
        out.push('\n');
        let mut unknown: &[String] = &[];
        for row in rows.iter().filter(|row| row.object == object) {
            line(&mut out, column, row);
            if !row.unknown.is_empty() {
                unknown = &row.unknown;
            }
        }
        if !unknown.is_empty() {
            let told = words("not looked up:").chain(list(unknown));
            wrapped(&mut out, "  ", "    ", told);
        }
    }
    summary(&mut out, rows);
    out
}

fn line(out: &mut String, column: usize, row: &Row<'_>) {
    let told: Vec<String> = match (&row.why, row.verdict) {
        (Some(why), _) => words(&format!("fails: {why}")).collect(),
        (None, Verdict::Degrades) => words("degrades: missing")
            .chain(list(&row.missing))
            .collect(),
        (None, verdict) => vec![verdict.name().into()],
    };
    let label = plain(&row.kernel.label);
    let len = label.chars().count();
    let indent = " ".repeat(column + 4);
    if len > column {
        out.push_str("  ");
        out.push_str(&label);
        out.push('\n');
        wrapped(out, &indent, &indent, told.into_iter());
    } else {
        let first = ["  ", &label, &" ".repeat(column - len + 2)].concat();
        wrapped(out, &first, &indent, told.into_iter());
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(' ').map(plain)
}

/// The names with commas between them: each is one word, however many spaces it has.
fn list(names: &[String]) -> impl Iterator<Item = String> {
    let last = names.len().saturating_sub(1);
    let name = move |(at, name): (usize, &String)| match at == last {
        true => plain(name),
        false => [&*plain(name), ","].concat(),
    };
    names.iter().enumerate().map(name)
}

/// Appends words in lines of at most [`WIDTH`] columns, where they allow that.
fn wrapped(out: &mut String, first: &str, indent: &str, words: impl Iterator<Item = String>) {
    let mut used = first.chars().count();
    out.push_str(first);
    let mut fresh = true;
    for word in words {
        let len = word.chars().count();
        if !fresh && used + 1 + len > WIDTH {
            out.push('\n');
            out.push_str(indent);
            used = indent.chars().count();
            fresh = true;
        }
        if !fresh {
            out.push(' ');
            used += 1;
        }
        out.push_str(&word);
        used += len;
        fresh = false;
    }
    out.push('\n');
}

fn summary(out: &mut String, rows: &[Row<'_>]) {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let [fits, degrades, fails] = [Verdict::Fits, Verdict::Degrades, Verdict::Fails].map(count);
    if rows.len() > 1 {
        out.push_str(&format!("{fits} fit, {degrades} degrade, {fails} fail\n"));
    }
    if rows.iter().any(|row| row.kernel.place == Place::None) {
        let note = "A board without BTF still knows its own tracepoint records (trace_event_raw_…) \
                    and registers (pt_regs), which are counted as missing here.";
        wrapped(out, "", "", words(note));
    }
}

#[cfg(test)]
mod tests {
    use super::super::kernels::Candidate;
    use super::*;

    fn row<'r>(object: &'r str, kernel: &'r Candidate, missing: &[&str]) -> Row<'r> {
        Row {
            object,
            kernel,
            verdict: match missing.is_empty() {
                true => Verdict::Fits,
                false => Verdict::Degrades,
            },
            why: None,
            missing: missing.iter().map(|m| (*m).into()).collect(),
            unknown: Vec::new(),
            programs: Vec::new(),
        }
    }

    fn kernel(label: &str) -> Candidate {
        Candidate {
            place: Place::File(label.into()),
            label: label.into(),
        }
    }

    #[test]
    fn lines_stay_within_eighty_columns_whatever_the_names() {
        let short = kernel("5.10.0");
        let long = kernel("4.18.0-147.5.1.el8_1.aarch64-with-a-name-beyond-measure");
        let middle = kernel("4.19.90-24.4.v2101.ky10.aarch64");
        let missing = [
            "struct task_struct.state",
            "struct bio.bi_disk",
            "struct request.rq_disk",
        ];
        let mut failing = row("b.o", &middle, &[]);
        failing.verdict = Verdict::Fails;
        failing.why = Some("section kprobe/x, instruction 4: \x1b[31m".into());
        failing.unknown = vec!["CONFIG_HZ".into()];
        let rows = [
            row("a.o", &short, &[]),
            row("b.o", &short, &missing),
            row("a.o", &middle, &missing),
            failing,
            row("a.o", &long, &missing),
        ];
        let expected = "\
a.o
  5.10.0                           fits
  4.19.90-24.4.v2101.ky10.aarch64  degrades: missing struct task_struct.state,
                                   struct bio.bi_disk, struct request.rq_disk
  4.18.0-147.5.1.el8_1.aarch64-with-a-name-beyond-measure
                                   degrades: missing struct task_struct.state,
                                   struct bio.bi_disk, struct request.rq_disk
b.o
  5.10.0                           degrades: missing struct task_struct.state,
                                   struct bio.bi_disk, struct request.rq_disk
  4.19.90-24.4.v2101.ky10.aarch64  fails: section kprobe/x, instruction 4:
                                   \\x1b[31m
  not looked up: CONFIG_HZ
1 fit, 3 degrade, 1 fail
";
        let found = table(&rows);
        assert_eq!(found, expected, "\n{found}");
        assert!(found.lines().all(|line| line.chars().count() <= WIDTH));
    }
}
