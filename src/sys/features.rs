//! The table of kernel features: name, the version each came with, its probe; probed when first
//! needed and remembered.

use super::more_probes;
use super::probes;
use super::rlimit;
use rustix::io::{self, Errno};
use std::sync::atomic::{AtomicU8, Ordering};

/// What a kernel may have or lack. Versions are those of the mainline kernel; vendors bring
/// features to older ones, so a version is never asked about, only the feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Feature {
    /// Names of programs and maps.
    ObjectNames,
    /// `expected_attach_type` of programs.
    ExpectedAttachType,
    /// A PMU that makes kprobes by perf_event_open(2).
    KprobePmu,
    /// BTF.
    Btf,
    /// BTF of functions, and with it func_info and line_info.
    BtfFunc,
    /// Global data: map values as addresses, `BPF_F_RDONLY_PROG`, `BPF_MAP_FREEZE`.
    GlobalData,
    /// BTF of variables and data sections.
    BtfDatasec,
    /// Array maps that user space can map (`BPF_F_MMAPABLE`).
    MmapableArray,
    /// The helpers `bpf_probe_read_kernel`, `bpf_probe_read_user` and their string forms.
    ProbeReadKernel,
    /// BTF of functions with a linkage other than static.
    BtfGlobalFunc,
    /// Elements of a map read many by one call.
    MapBatch,
    /// Links of programs to cgroups, network namespaces and devices (`BPF_LINK_CREATE`).
    BpfLink,
    /// Ring buffer maps.
    RingBuffer,
    /// BPF memory charged to the memory cgroup, not to `RLIMIT_MEMLOCK`.
    MemcgAccounting,
    /// BTF of modules, and names of loaded BTF.
    ModuleBtf,
    /// BTF of floating-point types.
    BtfFloat,
    /// Elements of a hash read and removed in one step.
    MapTake,
    /// Links of perf events, with cookies.
    PerfLink,
    /// The helper `bpf_get_attach_cookie`.
    BpfCookie,
    /// BTF declaration tags.
    BtfDeclTag,
    /// BTF type tags.
    BtfTypeTag,
    /// CO-RE relocations applied by the kernel, as a program is loaded.
    CoreRelocations,
    /// Links of one program to many kprobes. The kernel must be built with `CONFIG_FPROBE`, which arm64
    /// can be from 6.2 on or later.
    KprobeMulti,
    /// BTF enums of 64 bits, and of signed ones of any size.
    BtfEnum64,
    /// A log that is too long for its buffer leaves its end there, not its start.
    LogRotation,
    /// Links of one program to many uprobes, with the process told right.
    UprobeMulti,
    /// Arguments of global functions that a declaration tag calls the context.
    ArgCtxTag,
    /// BTF data sections whose name starts with `?`.
    BtfQmarkDatasec,
}

struct Row {
    feature: Feature,
    name: &'static str,
    since: (u32, u32),
    /// A feature without which this one can't be.
    needs: Option<Feature>,
    /// `Ok(())` where the kernel has it; an error is what the kernel answered where it has not.
    probe: fn() -> io::Result<()>,
}

const fn row(
    feature: Feature,
    name: &'static str,
    since: (u32, u32),
    needs: Option<Feature>,
    probe: fn() -> io::Result<()>,
) -> Row {
    Row {
        feature,
        name,
        since,
        needs,
        probe,
    }
}

const COUNT: usize = 28;

#[rustfmt::skip]
static TABLE: [Row; COUNT] = [
    row(Feature::ObjectNames, "object-names", (4, 15), None, probes::object_names),
    row(Feature::ExpectedAttachType, "expected-attach-type", (4, 17), None, probes::expected_attach_type),
    row(Feature::KprobePmu, "kprobe-pmu", (4, 17), None, probes::kprobe_pmu),
    row(Feature::Btf, "btf", (4, 18), None, probes::btf),
    row(Feature::BtfFunc, "btf-func", (5, 0), Some(Feature::Btf), probes::btf_func),
    row(Feature::GlobalData, "global-data", (5, 2), None, probes::global_data),
    row(Feature::BtfDatasec, "btf-datasec", (5, 2), Some(Feature::Btf), probes::btf_datasec),
    row(Feature::MmapableArray, "mmapable-array", (5, 5), None, probes::mmapable_array),
    row(Feature::ProbeReadKernel, "probe-read-kernel", (5, 5), None, probes::probe_read_kernel),
    row(Feature::BtfGlobalFunc, "btf-global-func", (5, 6), Some(Feature::BtfFunc), probes::btf_global_func),
    row(Feature::MapBatch, "map-batch", (5, 6), None, more_probes::map_batch),
    row(Feature::BpfLink, "bpf-link", (5, 7), None, more_probes::bpf_link),
    row(Feature::RingBuffer, "ring-buffer", (5, 8), None, probes::ring_buffer),
    row(Feature::MemcgAccounting, "memcg-accounting", (5, 11), None, probes::memcg_accounting),
    row(Feature::ModuleBtf, "module-btf", (5, 11), Some(Feature::Btf), more_probes::module_btf),
    row(Feature::BtfFloat, "btf-float", (5, 13), Some(Feature::Btf), probes::btf_float),
    row(Feature::MapTake, "map-take", (5, 14), None, more_probes::map_take),
    row(Feature::PerfLink, "perf-link", (5, 15), None, probes::perf_link),
    row(Feature::BpfCookie, "bpf-cookie", (5, 15), None, more_probes::bpf_cookie),
    row(Feature::BtfDeclTag, "btf-decl-tag", (5, 16), Some(Feature::Btf), probes::btf_decl_tag),
    row(Feature::BtfTypeTag, "btf-type-tag", (5, 17), Some(Feature::Btf), probes::btf_type_tag),
    row(Feature::CoreRelocations, "core-relo", (5, 17), None, probes::core_relocations),
    row(Feature::KprobeMulti, "kprobe-multi", (5, 18), None, more_probes::kprobe_multi),
    row(Feature::BtfEnum64, "btf-enum64", (6, 0), Some(Feature::Btf), probes::btf_enum64),
    row(Feature::LogRotation, "log-rotation", (6, 4), None, probes::log_rotation),
    row(Feature::UprobeMulti, "uprobe-multi", (6, 6), None, more_probes::uprobe_multi),
    row(Feature::ArgCtxTag, "arg-ctx-tag", (6, 8), Some(Feature::BtfDeclTag), more_probes::arg_ctx_tag),
    row(Feature::BtfQmarkDatasec, "btf-qmark-datasec", (6, 10), Some(Feature::BtfDatasec), more_probes::btf_qmark_datasec),
];

impl Feature {
    /// The name by which a user knows it (`--without NAME`).
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The kernel version that brought it.
    #[must_use]
    pub fn since(self) -> (u32, u32) {
        self.row().since
    }

    /// The feature of this name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        TABLE
            .iter()
            .find(|row| row.name == name)
            .map(|row| row.feature)
    }

    /// All features, oldest first.
    pub fn all() -> impl Iterator<Item = Feature> {
        TABLE.iter().map(|row| row.feature)
    }

    fn row(self) -> &'static Row {
        // In the order of the enum, which a test holds; the first row stands in for none.
        TABLE.get(self as usize).unwrap_or(&TABLE[0])
    }
}

const UNKNOWN: u8 = 0;
const PRESENT: u8 = 1;
const ABSENT: u8 = 2;
const HIDDEN: u8 = 3;

/// What is known about the running kernel's features. Nothing is probed until asked for.
#[derive(Default)]
pub struct Features {
    states: [AtomicU8; COUNT],
}

impl Features {
    /// Nothing known, nothing hidden.
    #[must_use]
    pub fn new() -> Self {
        Features::default()
    }

    /// Whether the kernel has the feature and it is not hidden; probes at the first call.
    ///
    /// Where a probe is not permitted the feature counts as there: whatever wants to use it will
    /// then tell the user about the permission, not about a feature that may well exist.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        if let Some(known) = self.known(feature) {
            return known;
        }
        let row = feature.row();
        if row.needs.is_some_and(|needed| !self.has(needed)) {
            self.remember(feature, false);
            return false;
        }
        let mut answer = (row.probe)();
        if answer == Err(Errno::PERM) && self.raise_memlock_for(feature) {
            answer = (row.probe)();
        }
        let present = match answer {
            Ok(()) => true,
            // Here it means that locked memory is counted and used up, so that raising the limit is
            // what helps; with 64K pages the smallest program is more than the usual limit.
            Err(Errno::PERM) => feature != Feature::MemcgAccounting,
            Err(_) => false,
        };
        self.remember(feature, present);
        present
    }

    /// What is known without a probe.
    #[must_use]
    pub fn known(&self, feature: Feature) -> Option<bool> {
        match self.state(feature).load(Ordering::Relaxed) {
            UNKNOWN => None,
            state => Some(state == PRESENT),
        }
    }

    /// Whether the user hid the feature, so that it may not be used even where it is there.
    #[must_use]
    pub fn is_hidden(&self, feature: Feature) -> bool {
        self.state(feature).load(Ordering::Relaxed) == HIDDEN
    }

    /// Remembers what a real use of the feature told, which saves its probe. Hidden stays hidden.
    pub fn remember(&self, feature: Feature, present: bool) {
        let state = if present { PRESENT } else { ABSENT };
        if !self.is_hidden(feature) {
            self.state(feature).store(state, Ordering::Relaxed);
        }
    }

    /// Hides a feature by its name, as if this kernel had none; `false` where there is no such name.
    #[must_use]
    pub fn hide(&self, name: &str) -> bool {
        match Feature::by_name(name) {
            Some(feature) => {
                self.state(feature).store(HIDDEN, Ordering::Relaxed);
                true
            }
            None => false,
        }
    }

    /// Hides every feature that came after kernel `major.minor`.
    pub fn as_kernel(&self, major: u32, minor: u32) {
        for row in TABLE.iter().filter(|row| row.since > (major, minor)) {
            self.state(row.feature).store(HIDDEN, Ordering::Relaxed);
        }
    }

    fn state(&self, feature: Feature) -> &AtomicU8 {
        // As many states as features.
        self.states.get(feature as usize).unwrap_or(&self.states[0])
    }

    /// Before 5.11 `EPERM` may be the limit on locked memory; raised, the probe can be tried again.
    fn raise_memlock_for(&self, feature: Feature) -> bool {
        feature != Feature::MemcgAccounting
            && !self.has(Feature::MemcgAccounting)
            && rlimit::raise_memlock().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum_and_of_time() {
        for (i, row) in TABLE.iter().enumerate() {
            assert_eq!(row.feature as usize, i, "{}", row.name);
            assert_eq!(Feature::by_name(row.name), Some(row.feature));
        }
        assert!(TABLE.is_sorted_by_key(|row| row.since));
    }

    #[test]
    fn a_hidden_feature_is_absent_whatever_is_learned() {
        let features = Features::new();
        assert!(features.hide("perf-link"));
        assert!(!features.hide("no-such-feature"));
        features.remember(Feature::PerfLink, true);
        assert!(!features.has(Feature::PerfLink));
        assert!(features.is_hidden(Feature::PerfLink));
    }

    #[test]
    fn what_a_use_has_shown_is_not_probed() {
        let features = Features::new();
        assert_eq!(features.known(Feature::RingBuffer), None);
        features.remember(Feature::RingBuffer, true);
        assert!(features.has(Feature::RingBuffer));
        features.remember(Feature::RingBuffer, false);
        assert!(!features.has(Feature::RingBuffer));
    }

    #[test]
    fn an_older_kernel_hides_all_that_came_later() {
        let features = Features::new();
        features.as_kernel(5, 2);
        for feature in Feature::all() {
            let hidden = feature.since() > (5, 2);
            assert_eq!(features.is_hidden(feature), hidden, "{}", feature.name());
        }
    }

    #[test]
    fn what_needs_a_hidden_feature_is_absent_without_a_probe() {
        let features = Features::new();
        assert!(features.hide("btf"));
        for feature in [Feature::BtfFunc, Feature::BtfEnum64, Feature::BtfGlobalFunc] {
            assert!(!features.has(feature), "{}", feature.name());
        }
    }
}
