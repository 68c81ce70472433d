//! Numbers that C computes before a program runs: lengths of arrays, widths of bitfields, enumerators.

use super::MAX_DEPTH;
use super::words::{Placed, Word};

/// The value at the start of `words`, and how many of them it takes.
pub(super) fn read(words: &[Placed<'_>], known: &[(&str, i64)]) -> Result<(i64, usize), String> {
    let mut at = At {
        words,
        at: 0,
        known,
    };
    let value = at.sum(0, 0)?;
    Ok((value, at.at))
}

struct At<'w> {
    words: &'w [Placed<'w>],
    at: usize,
    known: &'w [(&'w str, i64)],
}

/// Operators by how tightly they bind, loosest first.
const LEVELS: [&[&[u8]]; 4] = [&[b"|"], &[b"<<", b">>"], &[b"+", b"-"], &[b"*", b"/"]];

impl At<'_> {
    fn mark(&self, ahead: usize) -> Option<u8> {
        match self.words.get(self.at + ahead)?.word {
            Word::Mark(mark) => Some(mark),
            _ => None,
        }
    }

    fn operator(&mut self, level: usize) -> Option<&'static [u8]> {
        let written = |op: &[u8]| {
            let same = |(ahead, byte): (usize, &u8)| self.mark(ahead) == Some(*byte);
            op.iter().enumerate().all(same)
        };
        let operators = LEVELS.get(level)?.iter().copied();
        let found = { operators }.find(|op| written(op))?;
        self.at += found.len();
        Some(found)
    }

    fn sum(&mut self, level: usize, depth: u32) -> Result<i64, String> {
        if level >= LEVELS.len() {
            return self.single(depth);
        }
        let mut left = self.sum(level + 1, depth)?;
        while let Some(operator) = self.operator(level) {
            let right = self.sum(level + 1, depth)?;
            let bits = u32::try_from(right).ok().filter(|bits| *bits < 63);
            let result = match operator {
                b"|" => Some(left | right),
                b"<<" => bits.and_then(|bits| left.checked_mul(1 << bits)),
                b">>" => bits.map(|bits| left >> bits),
                b"+" => left.checked_add(right),
                b"-" => left.checked_sub(right),
                b"*" => left.checked_mul(right),
                _ => left.checked_div(right),
            };
            left = result.ok_or("a number that can't be computed")?;
        }
        Ok(left)
    }

    fn single(&mut self, depth: u32) -> Result<i64, String> {
        if depth > MAX_DEPTH {
            return Err("brackets are nested too deeply".into());
        }
        let word = self.words.get(self.at).map(|placed| placed.word);
        self.at += 1;
        match word {
            Some(Word::Number(number)) => {
                i64::try_from(number).map_err(|_| format!("{number} is too large"))
            }
            Some(Word::Name(name)) => {
                let mut known = self.known.iter().rev();
                let found = known.find_map(|(n, value)| (*n == name).then_some(*value));
                found.ok_or_else(|| format!("{name} is no number that is known here"))
            }
            Some(Word::Mark(b'-')) => {
                let value = self.single(depth + 1)?;
                value.checked_neg().ok_or_else(|| "too large".into())
            }
            Some(Word::Mark(b'(')) => {
                let value = self.sum(0, depth + 1)?;
                match self.mark(0) {
                    Some(b')') => {
                        self.at += 1;
                        Ok(value)
                    }
                    _ => Err("a bracket is not closed".into()),
                }
            }
            Some(word) => Err(format!("{word} where a number was expected")),
            None => Err("the text ends where a number was expected".into()),
        }
    }
}
