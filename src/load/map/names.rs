//! Names of maps and programs as the kernel takes them.

use crate::sys::abi;

/// At most 15 characters of those that the kernel takes in a name. The dot of a data section is
/// known from 5.2 on, as data sections are.
pub fn kernel_name(name: &str) -> String {
    name.chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' => c,
            _ => '_',
        })
        .take(abi::BPF_OBJ_NAME_LEN - 1)
        .collect()
}

/// The name of a data section's map: the object's name in front, as far as both fit and with room for
/// seven characters of the section's at least; none before a section with a name of its own
/// (`.data.mine`). Other loaders do the same, and tools look for such names.
pub fn data_name(object: &str, section: &str) -> String {
    let most = abi::BPF_OBJ_NAME_LEN - 1;
    let own = section.chars().skip(1).any(|c| c == '.');
    let room = match own {
        true => 0,
        false => most.saturating_sub(section.chars().count().max(".rodata".len())),
    };
    let front = object.chars().take(room);
    let whole: String = front.chain(section.chars()).collect();
    kernel_name(&whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_data_sections_are_named_after_object_and_section() {
        for (object, section, name) in [
            ("hello", ".bss", "hello.bss"),
            ("runqslower_bpf", ".rodata", "runqslow.rodata"),
            ("runqslower_bpf", ".bss", "runqslow.bss"),
            ("runqslower_bpf", ".kconfig", "runqslo.kconfig"),
            ("runqslower_bpf", ".data.mine", ".data.mine"),
            ("x", ".rodata.abracadabra", ".rodata.abracad"),
            ("my-object", ".data", "my_objec.data"),
            ("", ".data", ".data"),
        ] {
            assert_eq!(data_name(object, section), name, "{object} {section}");
        }
    }

    #[test]
    fn a_name_has_15_characters_that_the_kernel_takes() {
        for (name, kernel) in [
            ("counts", "counts"),
            ("a_name_that_is_too_long", "a_name_that_is_"),
            (".rodata.str1.1", ".rodata.str1.1"),
            ("größe", "gr__e"),
            ("a-b c", "a_b_c"),
        ] {
            assert_eq!(kernel_name(name), kernel);
        }
    }
}
