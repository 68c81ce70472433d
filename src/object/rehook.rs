//! Other kinds and places for programs than their sections say, before they are loaded.

use super::{Hook, Object, ObjectError, Program, hook, kinds};

impl<'a> Object<'a> {
    /// Makes a program what it were if its section were called `section`: for sections with names of
    /// their own, or to make it another kind.
    ///
    /// # Errors
    /// No such program; no kind of this name, with those that come near; a place that can't be read.
    pub fn set_section(&mut self, program: &str, section: &'a str) -> Result<(), ObjectError> {
        let program = self.program_mut(program)?;
        let name = section.strip_prefix('?').unwrap_or(section);
        let (kind, hook) = hook::parse(name).map_err(|why| ObjectError::BadSection {
            program: program.name.into(),
            section: section.into(),
            why,
        })?;
        if hook == Hook::Unknown {
            let section = section.into();
            let program = program.name.into();
            return Err(ObjectError::UnknownSection {
                program,
                section,
                #[cfg(feature = "full")]
                near: kinds::near(name),
                #[cfg(not(feature = "full"))]
                near: String::new(),
            });
        }
        (program.kind, program.hook) = (kind, hook);
        Ok(())
    }

    /// Attaches a program to `place` instead of where its section says. The place is written as
    /// behind the name of its kind: `do_exit` for a kprobe or fentry, `CATEGORY/NAME` for a tracepoint,
    /// `PATH:FUNCTION` for a uprobe; for XDP it is the interface, and for kinds that attach to a cgroup
    /// its folder.
    ///
    /// # Errors
    /// No such program; a kind that takes no place; a place that can't be read.
    pub fn retarget(&mut self, program: &str, place: &'a str) -> Result<(), ObjectError> {
        let program = self.program_mut(program)?;
        program.hook = moved(program, place).map_err(|why| ObjectError::BadPlace {
            program: program.name.into(),
            place: place.into(),
            why,
        })?;
        Ok(())
    }

    /// Attaches the XDP programs that have no interface yet to this one.
    ///
    /// # Errors
    /// There is no XDP program.
    #[cfg(feature = "full")]
    pub fn set_interface(&mut self, name: &'a str) -> Result<(), ObjectError> {
        let mut any = false;
        for program in &mut self.programs {
            if let Hook::Xdp { interface } = &mut program.hook {
                any = true;
                if interface.is_empty() {
                    *interface = name;
                }
            }
        }
        some(any, name, "XDP")
    }

    /// Attaches the programs that want a cgroup and have none yet to the one of this folder.
    ///
    /// # Errors
    /// There is no such program.
    #[cfg(feature = "full")]
    pub fn set_cgroup(&mut self, folder: &'a str) -> Result<(), ObjectError> {
        let mut any = false;
        for program in &mut self.programs {
            if let Hook::Cgroup { path, .. } | Hook::LsmCgroup { path, .. } = &mut program.hook {
                any = true;
                if path.is_empty() {
                    *path = folder;
                }
            }
        }
        some(any, folder, "cgroup")
    }

    fn program_mut(&mut self, name: &str) -> Result<&mut Program<'a>, ObjectError> {
        let known: Vec<&str> = self.programs.iter().map(|p| p.name).collect();
        let known = known.join(", ");
        let found = self.programs.iter_mut().find(|p| p.name == name);
        let program = name.into();
        found.ok_or(ObjectError::NoSuchProgram { program, known })
    }
}

#[cfg(feature = "full")]
fn some(any: bool, place: &str, kind: &'static str) -> Result<(), ObjectError> {
    let place = place.into();
    any.then_some(())
        .ok_or(ObjectError::NoneOfKind { place, kind })
}

/// The hook of a program at another place.
fn moved<'a>(program: &Program<'a>, place: &'a str) -> Result<Hook<'a>, &'static str> {
    if place.is_empty() {
        return Err("the place is empty");
    }
    #[cfg(feature = "full")]
    match program.hook {
        Hook::Xdp { .. } => return Ok(Hook::Xdp { interface: place }),
        Hook::Cgroup { attach_type, .. } => {
            return Ok(Hook::Cgroup {
                attach_type,
                path: place,
            });
        }
        _ => {}
    }
    let Some((kind, _)) = kinds::find(program.kind.name) else {
        return Err("its section says no kind; --type names one");
    };
    if !kind.takes_place() {
        return Err("programs of its kind take no place");
    }
    let hook = kind.hook(Some(place))?;
    #[cfg(feature = "full")]
    let hook = match (hook, program.hook) {
        // A program alone: the function stays the section's.
        (Hook::Freplace { function: "", of }, Hook::Freplace { function, .. }) => {
            Hook::Freplace { function, of }
        }
        (Hook::LsmCgroup { hook, .. }, Hook::LsmCgroup { path, .. }) => {
            Hook::LsmCgroup { hook, path }
        }
        (hook, _) => hook,
    };
    Ok(hook)
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;
    use crate::object::ProgramRef;
    use crate::sys::abi;

    const OBJECT: &[u8] = include_bytes!("../../prebuilt/arm64/tests/unknown_section.bpf.o");

    /// The hook of the program `never` after it was given a section and a place.
    fn rehooked<'a>(section: &'a str, place: &'a str) -> Result<Hook<'a>, ObjectError> {
        let mut object = Object::parse(OBJECT).unwrap();
        object.set_section("never", section)?;
        if !place.is_empty() {
            object.retarget("never", place)?;
        }
        Ok(object.programs[0].hook)
    }

    #[test]
    fn a_program_can_be_given_a_kind_and_a_place() {
        let (attach_type, path) = (abi::BPF_CGROUP_INET_EGRESS, "/sys/fs/cgroup");
        for (section, place, expected) in [
            (
                "kprobe/do_exit",
                "",
                Hook::Kprobe {
                    function: "do_exit",
                    offset: 0,
                },
            ),
            (
                "kprobe",
                "do_exit+8",
                Hook::Kprobe {
                    function: "do_exit",
                    offset: 8,
                },
            ),
            (
                "fentry/dummy",
                "do_exit",
                Hook::Tracing {
                    function: "do_exit",
                },
            ),
            (
                "tp",
                "a/b",
                Hook::Tracepoint {
                    category: "a",
                    name: "b",
                },
            ),
            ("xdp", "eth0", Hook::Xdp { interface: "eth0" }),
            (
                "cgroup_skb/egress",
                path,
                Hook::Cgroup { attach_type, path },
            ),
            (
                "freplace/count",
                "id:7",
                Hook::Freplace {
                    function: "count",
                    of: ProgramRef::Id(7),
                },
            ),
            (
                "freplace/count",
                "other@pinned:/sys/fs/bpf/a",
                Hook::Freplace {
                    function: "other",
                    of: ProgramRef::Pinned("/sys/fs/bpf/a"),
                },
            ),
            (
                "lsm_cgroup/bind",
                "create",
                Hook::LsmCgroup {
                    hook: "create",
                    path: "",
                },
            ),
        ] {
            assert_eq!(
                rehooked(section, place),
                Ok(expected),
                "{section} at {place}"
            );
        }
    }

    #[test]
    fn what_can_not_be_is_refused_with_the_reason() {
        for (section, place, told) in [
            (
                "kprobes/x",
                "",
                "program never: section 'kprobes/x' is not known",
            ),
            ("kprobe/x+y", "", "x+y"),
            ("tp/a/b", "c", "CATEGORY/NAME"),
            ("syscall", "x", "take no place"),
            ("freplace/f", "id:x", "id:N or pinned:PATH"),
        ] {
            let error = rehooked(section, place).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        let mut object = Object::parse(OBJECT).unwrap();
        let error = object.retarget("never", "do_exit").unwrap_err();
        assert!(error.to_string().contains("--type"), "{error}");
        let error = object.retarget("ever", "do_exit").unwrap_err();
        assert!(error.hint().unwrap().contains("never"), "{error}");
        let error = object.set_interface("eth0").unwrap_err().to_string();
        assert!(error.contains("XDP") && error.contains("eth0"), "{error}");
        let error = object.set_cgroup("/c").unwrap_err().to_string();
        assert!(error.contains("cgroup") && error.contains("/c"), "{error}");
    }

    #[test]
    fn an_interface_and_a_cgroup_are_for_all_programs_that_have_none() {
        let mut object = Object::parse(OBJECT).unwrap();
        let program = object.programs[0].clone();
        object.programs.push(Program {
            name: "again",
            ..program.clone()
        });
        object.set_section("never", "xdp").unwrap();
        object.set_section("again", "xdp").unwrap();
        object.retarget("again", "eth1").unwrap();
        object.set_interface("eth0").unwrap();
        let hooks: Vec<_> = object.programs.iter().map(|p| p.hook).collect();
        let [first, second] = ["eth0", "eth1"].map(|interface| Hook::Xdp { interface });
        assert_eq!(hooks[..2], [first, second]);
        object.set_section("never", "lsm_cgroup/bind").unwrap();
        object.set_cgroup("/c").unwrap();
        let (hook, path) = ("bind", "/c");
        assert_eq!(object.programs[0].hook, Hook::LsmCgroup { hook, path });
    }
}
