//! `btfly completions`: what a shell needs to complete what is typed behind `btfly`.
//!
//! The scripts know nothing themselves: words come from `btfly completions --words`, options from the help of the
//! command that is typed.

mod names;
mod words;

use super::{Common, Failure, output};

const HELP: &str = "Usage: btfly completions bash | zsh | ash

Print a script that makes the shell complete commands, their words and options, and ids, names and pins of
programs, maps and links:

  bash   btfly completions bash > /etc/bash_completion.d/btfly      (or: source <(btfly completions bash))
  zsh    btfly completions zsh > _btfly, in a folder of $fpath      (or: source <(btfly completions zsh))
  ash    btfly completions ash > /etc/profile.d/btfly.sh            (or: eval \"$(btfly completions ash)\")

The ash of busybox completes first words only, and since its version 1.37 aliases among them: btfly-exec,
btfly-prog-list and so on are such. btfly_next prog show lists what may follow, in any version.
";

/// What may stand for the last of some words. `$1` is btfly itself.
const NEXT: &str = r#"_btfly_next() {
    eval "_btfly_last=\${$#}"
    case $_btfly_last in
    -*)
        case $2 in
        btf) "$1" btf "$3" --help ;;
        *) "$1" "$2" --help ;;
        esac 2>/dev/null | grep -o -e '--[a-z][a-z-]*' | sort -u
        ;;
    *)
        _btfly_self=$1
        shift
        "$_btfly_self" completions --words "$@" 2>/dev/null
        ;;
    esac
}
"#;

const BASH: &str = r#"_btfly() {
    local IFS=$'\n' words
    words=$(_btfly_next "${COMP_WORDS[0]}" "${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _btfly btfly
"#;

const ZSH: &str = r#"_btfly() {
    local -a found
    found=(${(f)"$(_btfly_next "${words[1]}" "${(@)words[2,CURRENT]}")"})
    if (( $#found )); then
        compadd -a found
    else
        _files
    fi
}
if [[ ${funcstack[1]} == _btfly ]]; then
    _btfly "$@"
else
    compdef _btfly btfly
fi
"#;

/// What busybox completes is the first word: programs in the path, and since 1.37 aliases, too. Nothing can be hooked
/// in for the others, so they are listed when asked for.
const ASH: &str = r#"btfly_next() {
    case $# in
    0) _btfly_next btfly '' ;;
    *)
        eval "_btfly_last=\${$#}"
        case $_btfly_last in
        -*) _btfly_next btfly "$@" ;;
        *) _btfly_next btfly "$@" '' ;;
        esac
        ;;
    esac
}
"#;

pub fn run(args: &[&str], _: Common) -> Result<(), Failure> {
    let text = match args {
        ["--words", words @ ..] => return words::print(words),
        ["bash"] => [NEXT, BASH].concat(),
        ["zsh"] => ["#compdef btfly\n", NEXT, ZSH].concat(),
        ["ash"] => [NEXT, ASH, &words::aliases()].concat(),
        ["--help"] => HELP.into(),
        _ => {
            return Err(Failure::usage("completions: for which shell?")
                .with_hint("btfly completions bash | zsh | ash"));
        }
    };
    output::print(&text)
}
