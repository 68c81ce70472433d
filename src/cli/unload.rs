//! `btfly unload DIR`: removes what `btfly load --pin DIR` left.

use btfly::load;

use super::{Common, Failure, no_more, output, output::plain, taking};

const HELP: &str = "\
Usage: btfly unload DIR

Remove the programs, maps and links that `btfly load OBJECT --pin DIR` left in a folder of the BPF file
system, and the folder. Programs are detached that nothing else holds.

Options:
  --help, help      display usage information
";

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let Some(words) = taking::words("unload", HELP, args, &mut |_, _| Ok(false))? else {
        return Ok(());
    };
    let removed = match *words {
        [folder] => load::unpin(folder)?,
        [] => {
            return Err(Failure::usage("the folder is missing")
                .with_hint("btfly unload --help says which it can be"));
        }
        [_, more, ..] => return Err(no_more("unload", more)),
    };
    let lines = removed
        .iter()
        .map(|r| format!("removed {} {}\n", r.what, plain(&r.path)));
    output::print(&lines.collect::<String>())
}
