//! `btfly completions` as shells use it: the words that may follow others, and the scripts in real shells.
#![cfg(feature = "full")]

use std::path::Path;
use std::process::{Command, Output};

const BTFLY: &str = env!("CARGO_BIN_EXE_btfly");

fn btfly(args: &[&str]) -> Output {
    Command::new(BTFLY).args(args).output().expect("btfly")
}

/// What may stand for the last word.
#[track_caller]
fn words(line: &[&str]) -> Vec<String> {
    let output = btfly(&[&["completions", "--words"], line].concat());
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(String::from).collect()
}

#[test]
fn words_that_may_follow_are_told_a_line_each() {
    for (line, expected) in [
        (&["ex"][..], &["exec", "exit", "extract"][..]),
        (&["help", "doc"], &["doctor"]),
        (&["prog", "d"], &["detach", "dump"]),
        (&["prog", "dump", ""], &["jited", "xlated"]),
        (&["prog", "dump", "--opcodes", "x"], &["xlated"]),
        (
            &["map", "create", "/x", "type", "lru"],
            &["lru_hash", "lru_percpu_hash"],
        ),
        (&["map", "create", "/x", "type", "hash", "en"], &["entries"]),
        (
            &["prog", "detach", "id", "7", "sk_msg"],
            &["sk_msg_verdict"],
        ),
        (&["prog", "stats", ""], &["off", "on"]),
        (&["completions", ""], &["ash", "bash", "zsh"]),
        (&["run", ""], &[]),
        (&["nothing", ""], &[]),
        (&[], &[]),
    ] {
        assert_eq!(words(line), expected, "{line:?}");
    }
    let first = words(&[""]);
    for word in ["exec", "trace", "run", "prog", "completions", "help"] {
        assert!(first.iter().any(|w| w == word), "{word} in {first:?}");
    }
    // Ways to name one are known also to those who may not see any.
    let ways = words(&["prog", "show", ""]);
    for way in ["id", "name", "pinned", "tag"] {
        assert!(ways.iter().any(|w| w == way), "{way} in {ways:?}");
    }
}

#[test]
fn another_shell_is_refused_by_a_line_that_names_those_there_are() {
    for args in [&["completions"][..], &["completions", "fish"]] {
        let output = btfly(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("bash | zsh | ash") && said.lines().count() <= 3,
            "{said}"
        );
        assert!(output.stdout.is_empty());
    }
}

/// What a shell prints of a script with btfly in its path.
fn shell(shell: &str, script: &str) -> Option<String> {
    let folder = Path::new(BTFLY).parent().unwrap().to_str().unwrap();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
    let mut command = Command::new(shell);
    if shell == "zsh" {
        command.arg("-f");
    }
    let output = command.args(["-c", script]).env("PATH", path).output();
    let output = match output {
        // A shell that this machine has not.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("there is no {shell}: its script is not tried");
            return None;
        }
        output => output.unwrap(),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.is_empty(),
        "{shell}: {said}"
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn bash_completes_words_and_options() {
    for (line, expected) in [
        (&["btfly", "tcp"][..], "tcpconnect tcplife tcprtt tcpstates"),
        (&["btfly", "btf", ""], "diff dump list min"),
        (&["btfly", "prog", "dump", "xl"], "xlated"),
        (&["btfly", "prog", "dump", "--op"], "--opcodes"),
        (&["btfly", "btf", "dump", "--fo"], "--format"),
        (&["btfly", "runqlat", "--mi"], "--milliseconds"),
        (&["btfly", "load", "--dry"], "--dry-run"),
        // Files are completed by bash itself.
        (&["btfly", "run", "x"], ""),
    ] {
        let words: Vec<String> = line.iter().map(|word| format!("'{word}'")).collect();
        let script = format!(
            "eval \"$(btfly completions bash)\"; COMP_WORDS=({}); COMP_CWORD={}; _btfly; \
             echo \"${{COMPREPLY[@]}}\"; complete -p btfly",
            words.join(" "),
            line.len() - 1
        );
        let told = shell("bash", &script).expect("bash");
        let expected = format!("{expected}\ncomplete -o default -F _btfly btfly\n");
        assert_eq!(told, expected, "{line:?}");
    }
}

#[test]
fn zsh_completes_words_and_options() {
    // What its own functions would be told.
    let stubs = "compdef() { defined=$1 }; compadd() { [[ $1 == -a ]] && print -r -- ${(P)2} }; \
                 _files() { print files }";
    for (line, expected) in [
        ("btfly tcp", "tcpconnect tcplife tcprtt tcpstates"),
        ("btfly prog dump ''", "jited xlated"),
        ("btfly btf dump --fo", "--format"),
        ("btfly run ''", "files"),
    ] {
        let script = format!(
            "{stubs}; eval \"$(btfly completions zsh)\"; words=({line}); CURRENT=$#words; _btfly; print $defined"
        );
        let Some(told) = shell("zsh", &script) else {
            return;
        };
        // It chooses among options itself.
        let (words, defined) = told.split_once('\n').unwrap();
        let is = words == expected || words.split(' ').any(|word| word == expected);
        assert!(is, "{line}: {told}");
        assert_eq!(defined, "_btfly\n");
    }
}
