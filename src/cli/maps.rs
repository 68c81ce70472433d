//! What the command line says of maps: --map, --resize, --pin-path.

use btfly::load::{DEFAULT_FOLDER, MapChoice, MapSource};
use btfly::object::Object;

use super::Failure;

/// Maps as the options of a command want them.
#[derive(Clone)]
pub struct Maps<'m> {
    pub choices: Vec<MapChoice<'m>>,
    /// The folder in which maps are pinned by name.
    pub pin_folder: &'m str,
    /// What the object is called.
    pub name: &'m str,
}

impl Default for Maps<'_> {
    fn default() -> Self {
        Maps {
            choices: Vec::new(),
            pin_folder: DEFAULT_FOLDER,
            name: "",
        }
    }
}

impl<'m> Maps<'m> {
    /// What `--map`, `--resize` and `--pin-path` say of the maps of `object`, which was read from
    /// `path`.
    pub fn new(
        object: &Object<'_>,
        path: &'m str,
        map: &'m [impl AsRef<str>],
        resize: &'m [impl AsRef<str>],
        pin_path: Option<&'m str>,
    ) -> Result<Maps<'m>, Failure> {
        let reused = map.iter().map(|words| reuse(words.as_ref()));
        let resized = resize.iter().map(|words| self::resize(words.as_ref()));
        let choices = reused.chain(resized).collect::<Result<Vec<_>, _>>()?;
        for choice in &choices {
            if object.map(choice.map()).is_none() {
                let option = match choice {
                    MapChoice::Reuse { .. } => "--map",
                    MapChoice::Resize { .. } => "--resize",
                };
                return Err(unknown(object, option, choice.map()));
            }
        }
        Ok(Maps {
            choices,
            pin_folder: pin_path.unwrap_or(DEFAULT_FOLDER),
            name: object_name(path),
        })
    }
}

/// The name of a file up to the first dot.
fn object_name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file)
}

fn unknown(object: &Object<'_>, option: &str, name: &str) -> Failure {
    let known: Vec<&str> = object.maps.iter().map(|m| m.name).collect();
    let hint = match known.is_empty() {
        true => "it has none at all".into(),
        false => format!("its maps are {}", known.join(", ")),
    };
    Failure::usage(format!("{option} {name}: the object has no such map")).with_hint(hint)
}

fn reuse(words: &str) -> Result<MapChoice<'_>, Failure> {
    let parts = words.split_once('=');
    let parts = parts.and_then(|(map, rest)| Some((map, rest.split_once(':')?)));
    let source = parts.and_then(|(map, (kind, place))| match kind {
        "pinned" if !place.is_empty() => Some((map, MapSource::Pinned(place))),
        "id" => Some((map, MapSource::Id(place.parse().ok()?))),
        _ => None,
    });
    let (map, source) = source.ok_or_else(|| {
        Failure::usage(format!(
            "--map {words}: it is written NAME=pinned:PATH or NAME=id:NUMBER"
        ))
    })?;
    Ok(MapChoice::Reuse { map, source })
}

fn resize(words: &str) -> Result<MapChoice<'_>, Failure> {
    let parts = words.split_once('=');
    let parts = parts.and_then(|(map, to)| Some((map, to.parse().ok()?)));
    match parts {
        Some((map, to)) if to > 0 => Ok(MapChoice::Resize { map, to }),
        _ => Err(Failure::usage(format!(
            "--resize {words}: it is written NAME=N, with N from 1 to 4294967295"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_reused_from_a_path_or_an_id() {
        let told = |words: &str| reuse(words).map(|choice| format!("{choice:?}")).ok();
        for (words, expected) in [
            (
                "a=pinned:/x:y=z",
                Some("Reuse { map: \"a\", source: Pinned(\"/x:y=z\") }"),
            ),
            ("a=id:7", Some("Reuse { map: \"a\", source: Id(7) }")),
            ("a=id:-7", None),
            ("a=id:", None),
            ("a=pinned:", None),
            ("a=/sys/fs/bpf/a", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(told(words).as_deref(), expected, "{words}");
        }
    }

    #[test]
    fn a_new_size_is_a_number_that_fits() {
        for (words, size) in [
            ("a=1", Some(1)),
            ("a=4294967295", Some(u32::MAX)),
            ("a=4294967296", None),
            ("a=0", None),
            ("a=-1", None),
            ("a=many", None),
            ("a", None),
        ] {
            let found = resize(words).ok().map(|choice| match choice {
                MapChoice::Resize { to, .. } => to,
                MapChoice::Reuse { .. } => 0,
            });
            assert_eq!(found, size, "{words}");
        }
    }

    #[test]
    fn an_object_is_called_by_its_file_up_to_the_first_dot() {
        for (path, name) in [
            ("hello.bpf.o", "hello"),
            ("/a/b.c/hello.bpf.o", "hello"),
            ("./x", "x"),
            (".o", ""),
            ("", ""),
        ] {
            assert_eq!(object_name(path), name, "{path}");
        }
    }
}
