//! Every kernel's BTF at hand: real archives that lie beside a checkout, in `../shared`, and what is
//! inside the kernel images that the VM suite keeps in its cache. Those that are not there are left
//! out.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

const ARCHIVES: [&str; 7] = [
    "btfhub/android/a12-5.10-2022-06-arm64",
    "btfhub/centos/8/aarch64/4.18.0-147.5.1.el8_1.aarch64",
    "btfhub/debian/10/x86_64/4.19.0-24-cloud-amd64",
    "btfhub/kylin/V10/aarch64/4.19.90-24.4.v2101.ky10.aarch64",
    "btfhub/rock5b/rock5b-5.10-f9d1b1529-arm64",
    "kernels/5.10-board",
    "kernels/5.10-board-64k",
];

const IMAGES: [&str; 5] = ["5.10", "6.1", "6.12", "7.x", "16k"];

/// A kernel's BTF.
pub struct KernelBtf {
    pub name: String,
    /// Raw.
    pub bytes: Vec<u8>,
    /// The archive that it came in.
    pub archive: Option<PathBuf>,
}

impl KernelBtf {
    /// Whether every struct is there once, as pahole leaves it, and not once for each file of the
    /// kernel's source.
    pub fn is_deduplicated(&self) -> bool {
        !self.name.contains("el8_1")
    }
}

pub fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All that are there, one at a time: one is 27 MB.
pub fn kernels() -> impl Iterator<Item = KernelBtf> {
    let shared = checkout().join("../shared");
    let archives = ARCHIVES.iter().filter_map(move |name| {
        let archive = shared.join([name, ".btf.tar.xz"].concat());
        archive.exists().then(|| KernelBtf {
            name: archive.file_name().unwrap().to_string_lossy().into(),
            bytes: unpacked(&archive),
            archive: Some(archive),
        })
    });
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cache")));
    let images = IMAGES.iter().filter_map(move |name| {
        let image = ["btfly/kernels/", name, ".Image"].concat();
        let image = std::fs::read(cache.as_ref()?.join(image)).ok()?;
        Some(KernelBtf {
            name: ["Debian's ", name].concat(),
            bytes: carved(&image).expect("a kernel image with BTF").into(),
            archive: None,
        })
    });
    archives.chain(images)
}

/// What is in an archive, unpacked by tar and xz.
fn unpacked(archive: &Path) -> Vec<u8> {
    let mut tar = Command::new("tar");
    let output = tar.arg("-xJOf").arg(archive).output().expect("tar");
    assert!(output.status.success(), "{}", archive.display());
    output.stdout
}

/// The BTF inside a kernel image: the largest place that begins and adds up like one.
fn carved(image: &[u8]) -> Option<&[u8]> {
    const START: [u8; 8] = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
    let places = (0..image.len() - 24).step_by(4);
    let found = places.filter_map(|at| {
        let header = image[at..].strip_prefix(&START)?;
        let word = |index: usize| {
            let bytes = header.get(index * 4..index * 4 + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().unwrap()) as usize)
        };
        let (types, types_len, strings, strings_len) = (word(0)?, word(1)?, word(2)?, word(3)?);
        let fits = types == 0 && strings == types_len && types_len % 4 == 0;
        let bytes = image.get(at..at.checked_add(24 + types_len)?.checked_add(strings_len)?)?;
        (fits && bytes.get(24 + strings) == Some(&0) && bytes.ends_with(&[0])).then_some(bytes)
    });
    found.max_by_key(|bytes| bytes.len())
}
