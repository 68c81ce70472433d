//! Objects as they are kept in the binary: packed by `build.rs`.

use lz4_flex::block::decompress_size_prepended;

/// The object of a tool, packed.
pub struct Packed(pub &'static [u8]);

/// Takes the object `NAME.bpf.o` of `prebuilt/arm64` into the binary.
macro_rules! packed {
    ($name:literal) => {
        $crate::tools::packed::Packed(include_bytes!(concat!(
            env!("OUT_DIR"),
            "/",
            $name,
            ".bpf.o"
        )))
    };
}
pub(super) use packed;

impl Packed {
    /// The object as it was built. It stays until the program ends.
    pub fn unpack(&self) -> &'static [u8] {
        // What the build packed can be unpacked; a test does it with each.
        decompress_size_prepended(self.0).unwrap_or_default().leak()
    }
}

#[cfg(test)]
mod tests {
    use crate::tools::ALL;

    #[test]
    fn every_object_is_what_was_packed() {
        for tool in ALL {
            let path = format!("prebuilt/arm64/{}.bpf.o", tool.name);
            assert_eq!(
                tool.object.unpack(),
                std::fs::read(path).unwrap(),
                "{}",
                tool.name
            );
        }
    }
}
