//! The help of a tool.

use btfly::text::contains;

#[cfg(feature = "full")]
use super::super::ring_options;
use super::super::{attach_options, common as every, output_options, show};
use crate::tools::{Data, Tool, Work};

/// Where the second column begins, and how wide lines are.
const SECOND: usize = 20;
const WIDTH: usize = 80;

pub fn text(tool: &Tool) -> String {
    let (options, data) = match &tool.work {
        Work::Own(own) => (own.options, &Data::NONE),
        Work::Data(data) => (data.options, data),
    };
    let mut text = ["Usage: btfly ", tool.name].concat();
    for option in options.iter() {
        text.push_str(" [");
        match option.short.is_empty() {
            true => text.extend(["--", option.long]),
            false => text.extend(["-", option.short]),
        }
        if !option.value.is_empty() {
            text.extend([" <", option.value, ">"]);
        }
        text.push(']');
    }
    if let Some((place, _)) = data.place {
        text.extend([" <", place, ">"]);
    }
    if !data.interval.is_empty() {
        text.push_str(" [INTERVAL [COUNT]]");
    }
    let (first, about) = tool.about.split_at(1);
    let first = first.to_ascii_uppercase();
    text.extend(["\n\n", &first, about, ".\n\nOptions:\n"]);
    for option in options.iter() {
        let mut name = String::new();
        if !option.short.is_empty() {
            name.extend(["-", option.short, ", "]);
        }
        name.extend(["--", option.long]);
        line(&name, option.help, &mut text);
    }
    line("--help, help", "display usage information", &mut text);
    if let Work::Data(_) = tool.work {
        more(&[data.words, data.shows].concat(), &mut text);
    }
    text.push_str(output_options::HELP);
    text.push_str(every::HELP);
    text
}

/// What is said of the options of `run` that go with a tool of such words.
fn more(words: &str, text: &mut String) {
    #[cfg(feature = "full")]
    text.push_str(
        "\nIts object runs as by btfly run, whose other options are taken, too (btfly run --help).\n",
    );
    if contains(words, "--sample") {
        text.push_str(attach_options::HELP);
    }
    if contains(words, "--show") || contains(words, "--hist") {
        text.push_str(show::HELP);
    } else {
        #[cfg(feature = "full")]
        text.push_str(ring_options::HELP);
    }
}

/// A name and what is said about it, in as many lines as that takes.
fn line(name: &str, about: &str, text: &mut String) {
    let mut line = ["  ", name].concat();
    if line.chars().count() >= SECOND {
        text.extend([&line, "\n"]);
        line.clear();
    }
    let mut first = true;
    for word in about.split(' ') {
        let length = line.chars().count();
        if first {
            line.extend(std::iter::repeat_n(' ', SECOND.saturating_sub(length)));
            first = false;
        } else if length + 1 + word.chars().count() > WIDTH {
            text.extend([&line, "\n"]);
            line.clear();
            line.extend(std::iter::repeat_n(' ', SECOND));
        } else {
            line.push(' ');
        }
        line.push_str(word);
    }
    text.extend([&line, "\n"]);
}
