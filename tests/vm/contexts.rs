//! Global functions whose arguments are declared to be the context: kernels before 6.8 do not know the
//! declaration.

use std::net::UdpSocket;

use crate::board::{object, on_board, version};
use crate::left::Snapshot;
use crate::run::prctl;
use crate::table::Table;
use crate::watch::{Watch, full};

// What the events of contexts.bpf.c say they are.
const OF_CALLS: [i64; 5] = [0, 1, 2, 3, 4];
const PACKET: i64 = 5;

fn start(more: &[&str]) -> Watch {
    let mut command = full();
    let contexts = object("tests/contexts.bpf.o");
    command
        .args(["run", &contexts, "--event", "seens=seen"])
        .args(more);
    Watch::spawn(command)
}

#[test]
fn a_function_is_handed_the_context_of_each_kind_of_program() {
    on_board!(board);
    if !board.has_btf() {
        return; // The verifier does not know there what any context is called.
    }
    let before = Snapshot::take();
    for without in [&[][..], &["--without", "arg-ctx-tag"]] {
        let watch = start(without);
        let header = watch.header();
        let table = Table::new(&header);
        prctl(4711);
        for what in OF_CALLS {
            let is_it = |line: &str| {
                line != header
                    && table.number(line, "WHAT") == what
                    && table.number(line, "NUMBER") == 4711
            };
            watch.line(&format!("event of {what}, {without:?}"), is_it);
        }
        assert_eq!(watch.stop().stderr, [""; 0], "{without:?}");

        let packets = ["--prog", "packet", "--iface", "lo"];
        let watch = start(&[&packets[..], without].concat());
        let header = watch.header();
        let table = Table::new(&header);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"hello", "127.0.0.1:4711").unwrap();
        let is_it = |line: &str| line != header && table.number(line, "WHAT") == PACKET;
        watch.line("packet", is_it);
        assert_eq!(watch.stop().stderr, [""; 0], "{without:?}");
        before.is_restored();
    }
}

#[test]
fn the_declaration_is_known_from_6_8_on() {
    on_board!(board);
    let features = btfly::sys::Features::new();
    let known = board.has_btf() && version() >= (6, 8);
    assert_eq!(features.has(btfly::sys::Feature::ArgCtxTag), known);
}
