//! `btfly unload DIR`: removes what `btfly load --pin DIR` left.

use btfly::load;

use super::{Common, Failure, output, output::plain, parse};

/// Remove the programs, maps and links that `btfly load OBJECT --pin DIR` left in a folder of the BPF file
/// system, and the folder. Programs are detached that nothing else holds.
#[derive(argh::FromArgs)]
struct Unload {
    /// the folder
    #[argh(positional)]
    folder: String,
}

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let Some(unload) = parse::<Unload>("unload", args)? else {
        return Ok(());
    };
    let removed = load::unpin(&unload.folder)?;
    let lines = removed
        .iter()
        .map(|r| format!("removed {} {}\n", r.what, plain(&r.path)));
    output::print(&lines.collect::<String>())
}
