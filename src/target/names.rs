//! The names that are looked for, and where the kernel's BTF has them.

use crate::btf::{Kind, StrOffset, essential_name};

/// Names to look for in a kernel's BTF: a few dozen for most objects, some hundreds at most.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// Sorted by name. A name whose types are wanted has a bit for each kind of them; one that is
    /// only to be recognised where it stands (a member, an enumerator) has none.
    names: Vec<(&'a str, u32)>,
    /// Names that are wanted of one module: the module, the name, and a bit for each kind.
    #[cfg(feature = "full")]
    of_module: Vec<(&'a str, &'a str, u32)>,
}

/// The bit of a kind. Enums of both widths are one kind.
pub(super) fn kind_bit(kind: Kind) -> u32 {
    match kind {
        Kind::Enum64 => kind_bit(Kind::Enum),
        kind => 1 << kind as u32,
    }
}

impl<'a> Wanted<'a> {
    /// Adds the essential name of a type of some kind whose candidates are wanted.
    pub fn root(&mut self, name: &'a str, kind: Kind) {
        self.add(name, kind_bit(kind));
    }

    /// Adds the essential name of a type that is wanted of this module, whatever the kernel itself and
    /// other modules have of that name.
    #[cfg(feature = "full")]
    pub fn of_module(&mut self, module: &'a str, name: &'a str, kind: Kind) {
        self.root(name, kind);
        self.of_module.push((module, name, kind_bit(kind)));
    }

    /// Bits for the kinds of types of this name that are wanted of just this module.
    #[cfg(feature = "full")]
    pub(super) fn kinds_of_module(&self, module: &str, name: &str) -> u32 {
        let of = self.of_module.iter();
        let kinds = of.filter(|(m, n, _)| *m == module && *n == name);
        kinds.fold(0, |kinds, (_, _, more)| kinds | more)
    }

    /// Whether something is wanted of one module.
    #[cfg(feature = "full")]
    pub(super) fn names_modules(&self) -> bool {
        !self.of_module.is_empty()
    }

    /// Adds a name that is to be recognised. The empty name always is.
    pub fn name(&mut self, name: &'a str) {
        if !name.is_empty() {
            self.add(name, 0);
        }
    }

    /// Adds all that `other` wants.
    pub fn extend(&mut self, other: &Wanted<'a>) {
        for (name, kinds) in &other.names {
            self.add(name, *kinds);
        }
        #[cfg(feature = "full")]
        self.of_module.extend_from_slice(&other.of_module);
    }

    fn add(&mut self, name: &'a str, kinds: u32) {
        match self.names.binary_search_by_key(&name, |(n, _)| n) {
            Ok(at) => self.names[at].1 |= kinds,
            Err(at) => self.names.insert(at, (name, kinds)),
        }
    }

    /// The names whose types are wanted, with a bit for each kind.
    pub(super) fn roots(&self) -> impl Iterator<Item = (&'a str, u32)> + '_ {
        self.names.iter().copied().filter(|(_, kinds)| *kinds != 0)
    }

    /// How many names of types are wanted.
    pub fn root_count(&self) -> usize {
        self.names.iter().filter(|(_, kinds)| *kinds != 0).count()
    }

    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// How many names are wanted.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.names.iter().map(|(name, _)| *name)
    }

    pub(super) fn position(&self, name: &str) -> Option<u16> {
        let at = self.names.binary_search_by_key(&name, |(n, _)| n).ok()?;
        u16::try_from(at).ok()
    }

    pub(super) fn is_root(&self, index: u16) -> bool {
        matches!(self.names.get(usize::from(index)), Some((_, 1..)))
    }
}

/// A place in the string section at which a wanted name starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    offset: u32,
    /// Index of the text in [`Names::texts`].
    text: u16,
}

/// Which offsets in the string section are which names. A name at any other offset is none that
/// anybody asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Sorted by offset once the strings were scanned.
    hits: Vec<Hit>,
    /// What stands there, flavours included. The first are the wanted names in their order.
    texts: Vec<Box<str>>,
}

impl Names {
    pub fn new(wanted: &Wanted<'_>) -> Names {
        Names {
            hits: Vec::with_capacity(wanted.len()),
            texts: wanted.iter().map(Into::into).collect(),
        }
    }

    /// Takes note of `text` at `offset` if it or its essential name is wanted.
    pub fn offer(&mut self, wanted: &Wanted<'_>, offset: u32, text: &[u8]) {
        let Ok(text) = core::str::from_utf8(text) else {
            return;
        };
        let index = match wanted.position(text) {
            Some(exact) => exact,
            None => {
                let essential = essential_name(text);
                let flavour = (essential.len() < text.len()).then(|| wanted.position(essential));
                match flavour.flatten() {
                    Some(name) => self.flavour(text, name),
                    None => return,
                }
            }
        };
        if self.hits.len() == self.hits.capacity() {
            // Not the double: where names overlap, a short one ends thousands of others.
            self.hits.reserve_exact(self.hits.len() / 8 + 64);
        }
        self.hits.push(Hit {
            offset,
            text: index,
        });
    }

    fn flavour(&mut self, text: &str, name: u16) -> u16 {
        let known = self.texts.iter().position(|t| **t == *text);
        if let Some(at) = known.and_then(|at| u16::try_from(at).ok()) {
            return at;
        }
        let Ok(at) = u16::try_from(self.texts.len()) else {
            return name;
        };
        self.texts.push(text.into());
        at
    }

    pub fn sort(&mut self) {
        self.hits.sort_unstable();
        self.hits.dedup();
    }

    pub fn at(&self, offset: StrOffset) -> Option<&str> {
        Some(&**self.texts.get(usize::from(self.text_at(offset)?))?)
    }

    /// The wanted name that types called as at `offset` are candidates of: the essential name. A
    /// wanted `a___b` (of an `a___b___c`) is none for a type called just that, which is an `a`.
    pub fn root_at(&self, wanted: &Wanted<'_>, offset: u32) -> Option<u16> {
        let name = wanted.position(essential_name(self.at(StrOffset(offset))?))?;
        wanted.is_root(name).then_some(name)
    }

    /// Where names of wanted types stand.
    pub fn roots(&self, wanted: &Wanted<'_>) -> impl Iterator<Item = u32> {
        let offsets = self.hits.iter().map(|hit| hit.offset);
        offsets.filter(|offset| self.root_at(wanted, *offset).is_some())
    }

    fn text_at(&self, offset: StrOffset) -> Option<u16> {
        let at = self
            .hits
            .binary_search_by_key(&offset.0, |h| h.offset)
            .ok()?;
        self.hits.get(at).map(|hit| hit.text)
    }
}

/// A set of numbers that may claim more than it holds.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    bits: [u64; Filter::WORDS],
}

impl Default for Filter {
    fn default() -> Filter {
        Filter {
            bits: [0; Filter::WORDS],
        }
    }
}

impl Filter {
    const WORDS: usize = 256;

    #[inline(always)]
    fn place(key: u32) -> (usize, u32) {
        // Fibonacci hashing: the top fourteen bits of the product are well mixed.
        let hash = key.wrapping_mul(0x9e37_79b1) >> 18;
        ((hash >> 6) as usize % Filter::WORDS, hash & 63)
    }

    pub fn set(&mut self, key: u32) {
        let (word, bit) = Filter::place(key);
        self.bits[word] |= 1 << bit;
    }

    #[inline(always)]
    pub fn has(&self, key: u32) -> bool {
        let (word, bit) = Filter::place(key);
        self.bits[word] >> bit & 1 != 0
    }
}
