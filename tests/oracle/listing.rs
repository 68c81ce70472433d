//! The instructions of an object's programs as text, ours and libbpf's, and how they differ.

use std::collections::BTreeMap;

/// The final instructions of one object on one kernel.
#[derive(Debug, Default)]
pub struct Listing {
    /// The lines of each program: `fn` lines and slots.
    pub programs: BTreeMap<String, Vec<String>>,
    /// `ok` or `fail CAUSE`.
    pub verdict: String,
}

impl Listing {
    pub fn parse(text: &str) -> Listing {
        let mut listing = Listing::default();
        let mut open: Option<(String, usize)> = None;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(' ').collect();
            match (&open, &words[..]) {
                (None, ["prog", name, count]) => {
                    open = Some((name.to_string(), count.parse().expect(line)));
                    let twin = listing.programs.insert(name.to_string(), Vec::new());
                    assert!(twin.is_none(), "{line}: twice");
                }
                (None, ["object", ..]) => {
                    assert!(listing.verdict.is_empty(), "{line}: a second verdict");
                    listing.verdict = line["object ".len()..].into();
                }
                (Some((name, count)), ["end"]) => {
                    let slots = listing.programs[name].iter().filter(|l| is_slot(l)).count();
                    assert_eq!(slots, *count, "slots of {name}");
                    open = None;
                }
                (Some((name, _)), ["fn", _]) => {
                    listing.programs.get_mut(name).unwrap().push(line.into());
                }
                (Some((name, _)), [slot, ..]) if slot.len() == 16 => {
                    listing.programs.get_mut(name).unwrap().push(line.into());
                }
                _ => panic!("not of the format: {line}"),
            }
        }
        assert!(
            open.is_none() && !listing.verdict.is_empty(),
            "cut off: {text}"
        );
        listing
    }

    pub fn slots(&self) -> usize {
        self.lines().filter(|line| is_slot(line)).count()
    }

    pub fn poisoned(&self) -> usize {
        self.lines()
            .filter(|line| line.contains(" poison=core"))
            .count()
    }

    fn lines(&self) -> impl Iterator<Item = &String> {
        self.programs.values().flatten()
    }

    /// One line for each place where the two differ. What failed is compared, why is not: each
    /// has its own words.
    pub fn differences(&self, other: &Listing) -> Vec<String> {
        let mut found = Vec::new();
        let failed = |l: &Listing| l.verdict.starts_with("fail");
        if failed(self) != failed(other) {
            found.push(format!("{} | {}", self.verdict, other.verdict));
            return found;
        }
        if failed(self) {
            return found;
        }
        for name in other
            .programs
            .keys()
            .filter(|n| !self.programs.contains_key(*n))
        {
            found.push(format!("{name}: only libbpf has it"));
        }
        for (name, lines) in &self.programs {
            let Some(others) = other.programs.get(name) else {
                found.push(format!("{name}: libbpf has no such program"));
                continue;
            };
            let end = "end".to_string();
            let mut slot = 0;
            for at in 0..lines.len().max(others.len()) {
                let (line, theirs) = (
                    lines.get(at).unwrap_or(&end),
                    others.get(at).unwrap_or(&end),
                );
                if line != theirs {
                    found.push(format!("{name} slot {slot}: {line} | {theirs}"));
                }
                slot += usize::from(is_slot(line));
            }
        }
        found
    }
}

fn is_slot(line: &str) -> bool {
    !line.starts_with("fn ")
}
