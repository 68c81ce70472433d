//! `btfly prog dump xlated|jited PROG`: what became of a program's source lines.

use std::fmt::Write;

use btfly::btf::dump::signature;
use btfly::btf::{Btf, StrOffset, TypeId, Types};
use btfly::object::{Insn, disasm};
use btfly::sys::bpf::{btf_bytes, btf_get_fd_by_id};
use btfly::sys::bpf_details::{ProgTables, Tables, prog_details, prog_tables};
use btfly::sys::file;
use rustix::fd::{AsFd, BorrowedFd};

use super::super::loaded::{PROGRAMS, Words, find, hex, hex_list, quoted, refused};
use super::super::output::{self, Patience, Written, plain};
use super::super::{Class, Failure};
use super::show::MOST;
use super::symbols::Symbols;

const FORM: &str =
    "this takes the form: btfly prog dump xlated|jited PROG [--opcodes] [--linum] [file F]";

/// How it is to be shown.
#[derive(Default)]
struct Options<'w> {
    json: bool,
    opcodes: bool,
    linum: bool,
    file: Option<&'w str>,
}

pub fn run(words: &Words<'_>) -> Result<(), Failure> {
    let mut rest: Vec<&str> = words.words.clone();
    let mut take = |names: &[&str]| {
        let at = rest.iter().position(|word| names.contains(word));
        at.map(|at| rest.remove(at)).is_some()
    };
    // The source is shown anyway, where the program has it.
    take(&["--source"]);
    let jited = take(&["jited", "--jited"]);
    if !jited && !take(&["xlated", "--xlated"]) {
        return Err(Failure::usage("which of its instructions?").with_hint(FORM));
    }
    let mut options = Options {
        json: words.json,
        opcodes: take(&["opcodes", "--opcodes"]),
        linum: take(&["linum", "--linum"]),
        file: None,
    };
    let (found, rest) = find(&PROGRAMS, &rest)?;
    match rest {
        [] => {}
        ["file" | "--file", path] => options.file = Some(path),
        _ => return Err(Failure::usage(FORM)),
    }
    for prog in found {
        dump(prog.as_fd(), jited, &options)?;
    }
    Ok(())
}

/// Text, as much as it takes, that is on its way.
struct Out {
    text: String,
    closed: bool,
}

impl Out {
    fn flush(&mut self, least: usize) -> Result<(), Failure> {
        if self.text.len() >= least && !self.closed {
            self.closed = output::write(self.text.as_bytes(), Patience::default())? != Written::All;
        }
        if self.text.len() >= least {
            self.text.clear();
        }
        Ok(())
    }
}

fn dump(prog: BorrowedFd<'_>, jited: bool, options: &Options<'_>) -> Result<(), Failure> {
    let failed = |error| refused("this program", error);
    let told = prog_details(prog).map_err(failed)?;
    let which = if jited { Tables::Jited } else { Tables::Insns };
    let tables = prog_tables(prog, &told, which).map_err(failed)?;
    let bytes = if jited { &tables.jited } else { &tables.insns };
    if bytes.is_empty() {
        let (what, why) = match jited && told.front.jited_prog_len == 0 {
            true => (
                "it has no machine code",
                "/proc/sys/net/core/bpf_jit_enable says why: the kernel interprets it",
            ),
            false => (
                "its instructions are hidden",
                "sysctl kernel.kptr_restrict=0 and net.core.bpf_jit_harden=0 show them",
            ),
        };
        let told = format!("program {}: {what}", told.front.id);
        return Err(Failure::new(Class::Missing, told).with_hint(why));
    }
    if let Some(path) = options.file {
        return file::create(path, bytes).map_err(|error| refused(path, error));
    }
    let types = match told.front.btf_id {
        0 => Vec::new(),
        id => {
            let btf = btf_get_fd_by_id(id).map_err(failed)?;
            btf_bytes(btf.as_fd(), MOST).map_err(failed)?
        }
    };
    // What can't be read says nothing.
    let btf = Btf::parse(&types).ok();
    let symbols = Symbols::of(&tables.insns, &tables.ksyms);
    let source = Source {
        btf: btf.as_ref(),
        tables: &tables,
        linum: options.linum,
    };
    let mut out = Out {
        text: String::new(),
        closed: false,
    };
    match jited {
        true => machine_code(&source, &symbols, options, &mut out)?,
        false => instructions(&source, &symbols, options, &mut out)?,
    }
    out.flush(0)
}

/// Where instructions come from.
struct Source<'s> {
    btf: Option<&'s Btf<'s>>,
    tables: &'s ProgTables,
    linum: bool,
}

impl Source<'_> {
    /// The signature of a function by its number among the functions.
    fn signature(&self, at: usize) -> Option<String> {
        let [_, id] = *self.tables.func_info.get(at)?;
        let mut text = String::new();
        signature(self.btf?, TypeId(id), &mut text).ok()?;
        Some(text)
    }

    fn text(&self, offset: u32) -> &str {
        let text = self.btf.and_then(|btf| btf.name(StrOffset(offset)));
        text.unwrap_or_default().trim_ascii_start()
    }

    /// The source line by its number among the lines.
    fn line(&self, at: usize, json: bool, out: &mut String) {
        let Some(&[_, file, text, place]) = self.tables.line_info.get(at) else {
            return;
        };
        let (line, column) = (place >> 10, place & 0x3ff);
        let (text, file) = (self.text(text), self.text(file));
        let _ = match (json, self.linum) {
            (true, false) => write!(out, "\"src\":\"{}\",", quoted(text)),
            (true, true) => {
                let _ = write!(
                    out,
                    "\"src\":\"{}\",\"file\":\"{}\",",
                    quoted(text),
                    quoted(file)
                );
                for (name, number) in [("line_num", line), ("line_col", column)] {
                    // The compiler's own lines have no place.
                    if number > 0 {
                        let _ = write!(out, "\"{name}\":{number},");
                    }
                }
                Ok(())
            }
            (false, false) => writeln!(out, "; {}", plain(text)),
            (false, true) => writeln!(
                out,
                "; {} [file:{} line_num:{line} line_col:{column}]",
                plain(text),
                plain(file)
            ),
        };
    }
}

fn instructions(
    source: &Source<'_>,
    symbols: &Symbols,
    options: &Options<'_>,
    out: &mut Out,
) -> Result<(), Failure> {
    let tables = source.tables;
    let all = || tables.insns.chunks_exact(Insn::LEN);
    let parse = |bytes: Option<&[u8]>| bytes.and_then(|b| b.try_into().ok()).map(Insn::parse);
    let mut all_next = all().skip(1);
    let (mut func, mut line) = (0, 0);
    let mut second = false;
    let json = options.json;
    let mut before = "[";
    for (at, bytes) in all().enumerate() {
        let next = all_next.next();
        if std::mem::take(&mut second) {
            continue;
        }
        let insn = parse(Some(bytes)).unwrap_or_default();
        second = insn.is_ld_imm64();
        if json {
            out.text.push_str(before);
            out.text.push('{');
            before = ",";
        }
        let is_here = |first: Option<u32>| first.is_some_and(|first| first as usize == at);
        if is_here(tables.func_info.get(func).map(|[first, _]| *first)) {
            if let Some(text) = source.signature(func) {
                let _ = match json {
                    true => write!(out.text, "\"proto\":\"{}\",", quoted(&text)),
                    false => writeln!(out.text, "{}:", plain(&text)),
                };
            }
            func += 1;
        }
        if is_here(tables.line_info.get(line).map(|[first, ..]| *first)) {
            if source.btf.is_some() {
                source.line(line, json, &mut out.text);
            }
            line += 1;
        }
        let mut text = String::new();
        disasm::write(insn, parse(next).unwrap_or_default(), symbols, &mut text);
        let more = next.filter(|_| second).unwrap_or_default();
        let _ = match json {
            true => write!(out.text, "\"disasm\":\"{}\"", quoted(&text)),
            false => writeln!(out.text, "{at:4}: {}", plain(&text)),
        };
        if options.opcodes {
            opcodes(json, bytes, more, &mut out.text);
        }
        out.text.push_str(if json { "}" } else { "" });
        out.flush(8192)?;
    }
    out.text.push_str(if json { "]\n" } else { "" });
    Ok(())
}

fn opcodes(json: bool, bytes: &[u8], more: &[u8], out: &mut String) {
    let between = if more.is_empty() { "" } else { " " };
    if !json {
        let (bytes, more) = (hex(bytes, " "), hex(more, " "));
        let _ = writeln!(out, "       {bytes}{between}{more}");
        return;
    }
    let [code, regs, off @ .., _, _, _, _] = bytes else {
        return;
    };
    let list = |bytes: &[u8]| {
        let bytes: Vec<String> = bytes.iter().map(|b| format!("\"0x{b:02x}\"")).collect();
        bytes.join(",")
    };
    let imm = [bytes.get(4..).unwrap_or_default(), more].concat();
    let (off, imm) = (list(off), list(&imm));
    let _ = write!(
        out,
        ",\"opcodes\":{{\"code\":\"0x{code:02x}\",\"src_reg\":\"{:#x}\",\"dst_reg\":\"{:#x}\",\"off\":[{off}],\
         \"imm\":[{imm}]}}",
        regs >> 4,
        regs & 15
    );
}

/// Bytes of machine code in a line: an instruction of arm64.
const STEP: usize = 4;

fn machine_code(
    source: &Source<'_>,
    symbols: &Symbols,
    options: &Options<'_>,
    out: &mut Out,
) -> Result<(), Failure> {
    let tables = source.tables;
    let json = options.json;
    let mut before = "[";
    let whole = [u32::try_from(tables.jited.len()).unwrap_or(u32::MAX)];
    let lens = match tables.func_lens.as_slice() {
        [] => &whole[..],
        lens => lens,
    };
    let mut rest = tables.jited.as_slice();
    let mut line = 0;
    for (func, len) in lens.iter().enumerate() {
        let start = tables.ksyms.get(func).copied().unwrap_or(0);
        out.text.push_str(if json { before } else { "" });
        let named = (start != 0).then(|| ("name", symbols.name(start)));
        let signature = source.signature(func).map(|text| ("proto", text));
        for (index, (what, text)) in signature.into_iter().chain(named).enumerate() {
            let between = if index == 0 { "{" } else { "," };
            let _ = match json {
                true => write!(out.text, "{between}\"{what}\":\"{}\"", quoted(&text)),
                false => writeln!(out.text, "{}:", plain(&text)),
            };
        }
        if json {
            let between = if out.text.ends_with(before) { "{" } else { "," };
            let _ = write!(out.text, "{between}\"address\":\"{start:#x}\",\"insns\":");
        }
        before = ",";
        let (code, after) = rest.split_at(rest.len().min(*len as usize));
        rest = after;
        let mut at = start;
        let mut between = "[";
        for bytes in code.chunks(STEP) {
            out.text.push_str(if json { between } else { "" });
            out.text.push_str(if json { "{" } else { "" });
            between = ",";
            // Before the first line of a function is what makes its frame.
            let first = line;
            while tables.jited_line_info.get(line) == Some(&at) {
                line += 1;
            }
            // An object of JSON has one line: the last, which is that of the instruction.
            let from = if json {
                line.saturating_sub(1).max(first)
            } else {
                first
            };
            for line in from..line {
                source.line(line, json, &mut out.text);
            }
            let _ = match json {
                true => {
                    let (pc, bytes) = (at.wrapping_sub(start), hex_list(bytes));
                    write!(out.text, "\"pc\":\"{pc:#x}\",\"opcodes\":{bytes}}}")
                }
                false => writeln!(out.text, "{at:16x}:  {}", hex(bytes, " ")),
            };
            at = at.wrapping_add(STEP as u64);
            out.flush(8192)?;
        }
        out.text.push_str(match (json, between) {
            (true, "[") => "[]}",
            (true, _) => "]}",
            (false, _) => "",
        });
    }
    out.text.push_str(if json { "]\n" } else { "" });
    Ok(())
}
