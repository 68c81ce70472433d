//! A program of our own that sends one record into a perf ring, so that the kernel tells what it lost
//! before.

use crate::sys::abi::BPF_PROG_TYPE_RAW_TRACEPOINT;
use crate::sys::bpf::{self, ProgLoad};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io;

/// Eight bytes on the stack, sent to the ring of the CPU that runs this: what
/// `bpf_perf_event_output(ctx, &map, BPF_F_CURRENT_CPU, fp - 8, 8)` compiles to.
#[rustfmt::skip]
const SEND: [[u8; 8]; 10] = [
    [0x7a, 0x0a, 0xf8, 0xff, 0, 0, 0, 0],             // *(u64 *)(r10 - 8) = 0
    [0x18, 0x12, 0, 0, 0, 0, 0, 0],                   // r2 = the map …
    [0x00, 0x00, 0, 0, 0, 0, 0, 0],                   // … whose descriptor goes above
    [0xb4, 0x03, 0, 0, 0xff, 0xff, 0xff, 0xff],       // w3 = BPF_F_CURRENT_CPU
    [0xbf, 0xa4, 0, 0, 0, 0, 0, 0],                   // r4 = r10
    [0x07, 0x04, 0, 0, 0xf8, 0xff, 0xff, 0xff],       // r4 -= 8
    [0xb7, 0x05, 0, 0, 8, 0, 0, 0],                   // r5 = 8
    [0x85, 0x00, 0, 0, 25, 0, 0, 0],                  // call bpf_perf_event_output
    [0xb7, 0x00, 0, 0, 0, 0, 0, 0],                   // r0 = 0
    [0x95, 0x00, 0, 0, 0, 0, 0, 0],                   // exit
];
/// The instruction that names the map, and where in it the descriptor goes.
const MAP_AT: usize = 8 + 4;

/// The loaded program.
pub(super) struct Sender {
    prog: OwnedFd,
}

impl Sender {
    pub(super) fn load(map: BorrowedFd<'_>) -> io::Result<Self> {
        let mut insns = SEND.concat();
        if let Some(place) = insns.get_mut(MAP_AT..MAP_AT + 4) {
            place.copy_from_slice(&map.as_raw_fd().to_le_bytes());
        }
        let prog = ProgLoad {
            prog_type: BPF_PROG_TYPE_RAW_TRACEPOINT,
            insns: &insns,
            license: c"GPL",
            ..ProgLoad::default()
        };
        Ok(Sender {
            prog: bpf::prog_load(&prog, None)?,
        })
    }

    pub(super) fn send_on(&self, cpu: u32) -> io::Result<()> {
        bpf::prog_run_on_cpu(self.prog.as_fd(), cpu)
    }
}
