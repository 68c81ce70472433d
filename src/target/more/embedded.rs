//! BTF that was built into this binary (`cross/build --with-btf`): minimal ones, for the kernels of a
//! fleet.

use super::hub::KernelName;

// `SET`: each file's name from the folder on, without `.btf`, and its contents; sorted.
include!(concat!(env!("OUT_DIR"), "/btf_set.rs"));

/// How many kernels' BTF is built in.
pub(super) fn count() -> usize {
    SET.len()
}

/// The BTF of the running kernel, with its name in the set.
pub(super) fn find() -> Option<(&'static str, &'static [u8])> {
    match SET {
        [] => None,
        set => choose(set, &KernelName::running()),
    }
}

/// What is named as BTFHub would; else, as not every board says which distribution it is, what is of
/// this machine and release, where that is but one.
fn choose<'s>(set: &[(&'s str, &'s [u8])], kernel: &KernelName) -> Option<(&'s str, &'s [u8])> {
    let places = kernel.places();
    let exact = places
        .iter()
        .find_map(|place| set.iter().find(|(name, _)| name == place));
    if let Some(exact) = exact {
        return Some(*exact);
    }
    let mut others = set.iter().filter(|(name, _)| {
        let mut parts = name.rsplit('/');
        parts.next() == Some(&*kernel.release) && parts.next().is_none_or(|m| kernel.is_machine(m))
    });
    let first = others.next()?;
    others.all(|other| other.1 == first.1).then_some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_is_found_by_its_whole_name_or_by_a_release_that_is_but_once_there() {
        let set: [(&str, &[u8]); 7] = [
            ("4.19.1", b"a"),
            ("centos/8/aarch64/4.18.0", b"b"),
            ("debian/10/arm64/4.19.0", b"c"),
            ("debian/10/x86_64/4.19.0", b"d"),
            ("debian/11/arm64/5.10.0", b"e"),
            ("other/1/arm64/5.10.0", b"f"),
            ("other/2/arm64/4.19.0", b"c"),
        ];
        let found = |distribution: Option<(&str, &str)>, release: &str| {
            let kernel = KernelName {
                distribution: distribution.map(|(id, version)| (id.into(), version.into())),
                machine: "aarch64".into(),
                release: release.into(),
            };
            choose(&set, &kernel).map(|(name, _)| name)
        };
        let centos = Some(("centos", "8"));
        for (distribution, release, expected) in [
            (centos, "4.18.0", Some("centos/8/aarch64/4.18.0")),
            (None, "4.18.0", Some("centos/8/aarch64/4.18.0")),
            (centos, "4.19.1", Some("4.19.1")),
            // The same bytes twice are as good as once; another machine's do not count.
            (None, "4.19.0", Some("debian/10/arm64/4.19.0")),
            // Two that differ: only the distribution can tell.
            (None, "5.10.0", None),
            (
                Some(("debian", "11")),
                "5.10.0",
                Some("debian/11/arm64/5.10.0"),
            ),
            (centos, "6.1", None),
        ] {
            assert_eq!(found(distribution, release), expected, "{release}");
        }
    }
}
