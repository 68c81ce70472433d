//! Places of the kinds beyond those that every build attaches.

use super::{Hook, ProgramRef, When};

pub(super) fn kprobe_multi(pattern: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::KprobeMulti {
        pattern,
        when: When::Entry,
    })
}

pub(super) fn kretprobe_multi(pattern: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::KprobeMulti {
        pattern,
        when: When::Return,
    })
}

pub(super) fn kprobe_session(pattern: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::KprobeMulti {
        pattern,
        when: When::Session,
    })
}

pub(super) fn uprobe(place: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::Uprobe {
        place,
        when: When::Entry,
    })
}

pub(super) fn uretprobe(place: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::Uprobe {
        place,
        when: When::Return,
    })
}

pub(super) fn uprobe_multi(place: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::UprobeMulti {
        place,
        when: When::Entry,
    })
}

pub(super) fn uretprobe_multi(place: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::UprobeMulti {
        place,
        when: When::Return,
    })
}

pub(super) fn uprobe_session(place: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::UprobeMulti {
        place,
        when: When::Session,
    })
}

pub(super) fn tp_btf(name: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::TpBtf { name })
}

pub(super) fn tracing(function: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::Tracing { function })
}

pub(super) fn lsm(hook: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::Lsm { hook })
}

pub(super) fn lsm_cgroup(hook: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::LsmCgroup { hook, path: "" })
}

/// `TARGET`, or `TARGET:MAP` for one that goes through a map of the object.
pub(super) fn iter(place: &str) -> Result<Hook<'_>, &'static str> {
    let (target, map) = place.split_once(':').unwrap_or((place, ""));
    Ok(Hook::Iter { target, map })
}

/// `FUNCTION`, `id:N`, `pinned:PATH`, or a function of one of these: `FUNCTION@id:N`.
pub(super) fn freplace(place: &str) -> Result<Hook<'_>, &'static str> {
    let (function, program) = match place.split_once('@') {
        Some((function, program)) => (function, program),
        None if place.starts_with("id:") || place.starts_with("pinned:") => ("", place),
        None => {
            let (function, of) = (place, ProgramRef::Unknown);
            return Ok(Hook::Freplace { function, of });
        }
    };
    let id = program.strip_prefix("id:").map(str::parse);
    let of = match (id, program.strip_prefix("pinned:")) {
        (Some(Ok(id)), _) => ProgramRef::Id(id),
        (None, Some(path)) if !path.is_empty() => ProgramRef::Pinned(path),
        _ => return Err("the program to extend is written id:N or pinned:PATH"),
    };
    Ok(Hook::Freplace { function, of })
}
