//! The structs and numbers of perf_event_open(2): the attribute, the mapped header page, the
//! records and the ioctls.
//!
//! Source: the kernel's `include/uapi/linux/perf_event.h`.

use super::bpf_const::kernel_constants;
use static_assertions::const_assert_eq;
use std::mem::{offset_of, size_of};

/// Argument of perf_event_open(2) (`struct perf_event_attr`), as large as 7.x knows it.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct PerfEventAttr {
    /// `PERF_TYPE_*`, or the number of a PMU from sysfs.
    pub event_type: u32,
    /// Bytes of this struct that are passed: one of `PERF_ATTR_SIZE_VER*`.
    pub size: u32,
    /// What to count, by type.
    pub config: u64,
    /// Events between two samples, or samples a second where `freq` is set.
    pub sample_period: u64,
    /// `PERF_SAMPLE_*`.
    pub sample_type: u64,
    /// `PERF_FORMAT_*`.
    pub read_format: u64,
    /// The bit fields: `PERF_ATTR_*`.
    pub flags: u64,
    /// Samples until the reader is woken, or bytes where `PERF_ATTR_WATERMARK` is set.
    pub wakeup: u32,
    /// Kind of breakpoint.
    pub bp_type: u32,
    /// Extension of `config`; for the kprobe PMU the address of the function's name.
    pub config1: u64,
    /// Extension of `config1`; for the kprobe PMU the offset in the function, bytes.
    pub config2: u64,
    /// `PERF_SAMPLE_BRANCH_*`.
    pub branch_sample_type: u64,
    /// User registers to dump.
    pub sample_regs_user: u64,
    /// Bytes of user stack to dump.
    pub sample_stack_user: u32,
    /// Clock of time stamps.
    pub clockid: i32,
    /// Registers to dump.
    pub sample_regs_intr: u64,
    /// Bytes in the AUX area until the reader is woken.
    pub aux_watermark: u32,
    /// Frames of a call chain at most.
    pub sample_max_stack: u16,
    /// Reserved, zero.
    pub reserved_2: u16,
    /// Bytes of AUX data in a sample.
    pub aux_sample_size: u32,
    /// What to do with the AUX area.
    pub aux_action: u32,
    /// Value given back with SIGTRAP.
    pub sig_data: u64,
    /// Extension of `config2`.
    pub config3: u64,
    /// Extension of `config3`.
    pub config4: u64,
}
const_assert_eq!(size_of::<PerfEventAttr>(), PERF_ATTR_SIZE_VER9 as usize);
const_assert_eq!(offset_of!(PerfEventAttr, flags), 40);
const_assert_eq!(offset_of!(PerfEventAttr, config1), 56);
const_assert_eq!(
    offset_of!(PerfEventAttr, config2),
    PERF_ATTR_SIZE_VER0 as usize
);
const_assert_eq!(
    offset_of!(PerfEventAttr, branch_sample_type),
    PERF_ATTR_SIZE_VER1 as usize
);
const_assert_eq!(
    offset_of!(PerfEventAttr, sample_regs_user),
    PERF_ATTR_SIZE_VER2 as usize
);
const_assert_eq!(
    offset_of!(PerfEventAttr, sample_regs_intr),
    PERF_ATTR_SIZE_VER3 as usize
);
const_assert_eq!(
    offset_of!(PerfEventAttr, aux_watermark),
    PERF_ATTR_SIZE_VER4 as usize
);
const_assert_eq!(
    offset_of!(PerfEventAttr, aux_sample_size),
    PERF_ATTR_SIZE_VER5 as usize
);
const_assert_eq!(
    offset_of!(PerfEventAttr, sig_data),
    PERF_ATTR_SIZE_VER6 as usize
);
const_assert_eq!(
    offset_of!(PerfEventAttr, config3),
    PERF_ATTR_SIZE_VER7 as usize
);
const_assert_eq!(
    offset_of!(PerfEventAttr, config4),
    PERF_ATTR_SIZE_VER8 as usize
);

/// The header of every perf record (`struct perf_event_header`).
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct PerfEventHeader {
    /// `PERF_RECORD_*`.
    pub record_type: u32,
    /// `PERF_RECORD_MISC_*`.
    pub misc: u16,
    /// Bytes of the record, this header among them; a multiple of 8.
    pub size: u16,
}
const_assert_eq!(size_of::<PerfEventHeader>(), 8);

// Sizes of `struct perf_event_attr` over time, in bytes.
kernel_constants! { u32:
    PERF_ATTR_SIZE_VER0 = 64,
    PERF_ATTR_SIZE_VER1 = 72,
    PERF_ATTR_SIZE_VER2 = 80,
    PERF_ATTR_SIZE_VER3 = 96,
    PERF_ATTR_SIZE_VER4 = 104,
    PERF_ATTR_SIZE_VER5 = 112,
    PERF_ATTR_SIZE_VER6 = 120,
    PERF_ATTR_SIZE_VER7 = 128,
    PERF_ATTR_SIZE_VER8 = 136,
    PERF_ATTR_SIZE_VER9 = 144,
}

// enum perf_type_id.
kernel_constants! { u32:
    PERF_TYPE_HARDWARE = 0,
    PERF_TYPE_SOFTWARE = 1,
    PERF_TYPE_TRACEPOINT = 2,
    PERF_TYPE_HW_CACHE = 3,
    PERF_TYPE_RAW = 4,
    PERF_TYPE_BREAKPOINT = 5,
}

// enum perf_sw_ids: values of `config` for PERF_TYPE_SOFTWARE.
kernel_constants! { u64:
    PERF_COUNT_SW_CPU_CLOCK = 0,
    PERF_COUNT_SW_BPF_OUTPUT = 10,
}

// Bits of `sample_type`.
kernel_constants! { u64:
    PERF_SAMPLE_TIME = 1 << 2,
    PERF_SAMPLE_RAW = 1 << 10,
}

// Flags of perf_event_open(2).
kernel_constants! { u64:
    PERF_FLAG_FD_CLOEXEC = 1 << 3,
}

// Requests of ioctl(2) on a perf event.
kernel_constants! { u32:
    PERF_EVENT_IOC_ENABLE = 0x2400,
    PERF_EVENT_IOC_DISABLE = 0x2401,
    PERF_EVENT_IOC_SET_OUTPUT = 0x2405,
    PERF_EVENT_IOC_SET_BPF = 0x4004_2408,
}

// enum perf_event_type: kinds of records.
kernel_constants! { u32:
    PERF_RECORD_LOST = 2,
    PERF_RECORD_THROTTLE = 5,
    PERF_RECORD_UNTHROTTLE = 6,
    PERF_RECORD_SAMPLE = 9,
    PERF_RECORD_LOST_SAMPLES = 13,
}

/// Bit `disabled` of the attribute: off until enabled.
pub const PERF_ATTR_DISABLED: u64 = 1 << 0;
/// Bit `freq` of the attribute: `sample_period` is a frequency in hertz.
pub const PERF_ATTR_FREQ: u64 = 1 << 10;
/// Bit `watermark` of the attribute: `wakeup` counts bytes, not samples.
pub const PERF_ATTR_WATERMARK: u64 = 1 << 14;
/// Bit `use_clockid` of the attribute (4.1): times are those of `clockid`.
pub const PERF_ATTR_USE_CLOCKID: u64 = 1 << 25;

/// Byte offset of `data_head` in the mapped header page (`struct perf_event_mmap_page`).
pub const PERF_MMAP_DATA_HEAD: usize = 1024;
/// Byte offset of `data_tail` in the mapped header page.
pub const PERF_MMAP_DATA_TAIL: usize = 1032;
