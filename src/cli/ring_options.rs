//! The options of `run` that say how rings are read. They may stand anywhere behind the command.

use std::time::Duration;

use btfly::ring::RingOptions;
use btfly::sys::kernel::page_size;

use super::{Failure, common, taking};

/// What the help of the command says of them.
pub const HELP: &str = "
How rings are read:
  --pages N         pages of each CPU's perf ring, a power of two (32 KiB unless given); a BPF ring has
                    the size of its map, which --resize NAME=BYTES changes
  --wakeup N        wake up for every N records of a CPU in a perf ring; with 1 for each record of any
                    ring (a quarter of the ring unless given)
  --latency TIME    how old a record may get while more are gathered: 100ms unless given
  --sort            show the events of all CPUs in the order in which they were sent. The youngest fifth
                    of --latency waits for the next look; what comes later than that is shown as it comes,
                    and counted
";

/// The most bytes that the kernel has in one perf ring.
const MOST_BYTES: usize = 1 << 30;

/// Takes these options out of `args`, up to a `--`.
pub fn take<'p>(args: &[&'p str]) -> Result<(Vec<&'p str>, RingOptions), Failure> {
    let mut options = RingOptions::default();
    let kept = taking::take(args, &mut |given, rest| {
        let mut value = || given.value(rest);
        match given.name {
            "--pages" => options.pages = Some(pages(value()?)?),
            "--wakeup" => options.wakeup = Some(wakeup(value()?)?),
            "--latency" => options.latency = latency(value()?)?,
            "--sort" if given.is_plain() => options.sort = true,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok((kept, options))
}

fn pages(text: &str) -> Result<usize, Failure> {
    let most = MOST_BYTES / page_size().max(1);
    let number = text.parse().ok();
    let number = number.filter(|pages: &usize| pages.is_power_of_two() && *pages <= most);
    number.ok_or_else(|| {
        let next = text.parse().ok().and_then(usize::checked_next_power_of_two);
        let near = next.map_or(most, |next| next.min(most));
        Failure::usage(format!(
            "--pages {text}: it is a power of two from 1 to {most}"
        ))
        .with_hint(format!("--pages {near} is the next one"))
    })
}

fn wakeup(text: &str) -> Result<u32, Failure> {
    let number = text.parse().ok().filter(|records| *records > 0);
    number.ok_or_else(|| Failure::usage(format!("--wakeup {text}: it is a number from 1 on")))
}

fn latency(text: &str) -> Result<Duration, Failure> {
    // A number alone is of seconds elsewhere, and would hardly be meant here.
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
    let text = if plain {
        format!("{text}ms")
    } else {
        text.into()
    };
    common::time(&text).ok_or_else(|| {
        Failure::usage(format!(
            "--latency: '{text}' is no time, such as 250ms or 2s"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_taken_from_anywhere_and_the_rest_is_left() {
        let args = [
            "my.o",
            "--pages=64",
            "--prog",
            "a",
            "--wakeup",
            "10",
            "--latency",
            "250",
            "--sort",
            "--",
            "--pages",
        ];
        let (kept, options) = take(&args).unwrap();
        assert_eq!(kept, ["my.o", "--prog", "a", "--", "--pages"]);
        assert_eq!((options.pages, options.wakeup), (Some(64), Some(10)));
        assert_eq!(options.latency, Duration::from_millis(250));
        assert!(options.sort);
        let (_, options) = take(&["--latency", "2s"]).unwrap();
        assert_eq!(options.latency, Duration::from_secs(2));
    }

    #[test]
    fn nonsense_is_refused_with_what_would_do() {
        for args in [
            ["--pages", "3"],
            ["--pages", "0"],
            ["--pages", "4294967296"],
            ["--pages", "x"],
            ["--wakeup", "0"],
            ["--wakeup", "-1"],
            ["--latency", "soon"],
            ["--latency", ""],
        ] {
            let error = take(&args).unwrap_err();
            assert_eq!(error.class(), super::super::Class::Usage, "{args:?}");
        }
        assert!(take(&["--pages"]).is_err());
    }
}
