//! How the place behind the name of a kind is read: no further than its user needs.

use super::Hook;

pub(super) fn kprobe(target: &str) -> Result<Hook<'_>, &'static str> {
    let (function, offset) = match target.split_once('+') {
        Some((function, offset)) => (function, number(offset).ok_or("the offset is no number")?),
        None => (target, 0),
    };
    Ok(Hook::Kprobe { function, offset })
}

pub(super) fn kretprobe(target: &str) -> Result<Hook<'_>, &'static str> {
    match target.contains('+') {
        true => Err("a kretprobe has no offset"),
        false => Ok(Hook::Kretprobe { function: target }),
    }
}

pub(super) fn ksyscall(name: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::Ksyscall { name })
}

pub(super) fn kretsyscall(name: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::Kretsyscall { name })
}

pub(super) fn tracepoint(target: &str) -> Result<Hook<'_>, &'static str> {
    match target.split_once('/') {
        Some((category, name)) if !category.is_empty() && !name.is_empty() => {
            Ok(Hook::Tracepoint { category, name })
        }
        _ => Err("a tracepoint is written CATEGORY/NAME"),
    }
}

pub(super) fn raw_tracepoint(name: &str) -> Result<Hook<'_>, &'static str> {
    Ok(Hook::RawTracepoint { name })
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
