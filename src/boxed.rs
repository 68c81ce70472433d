//! Errors in boxes. What a function returns is moved by each `?` on its way up: an error of a hundred bytes
//! would make all of these moves long, and there are thousands.

/// Lets `?` put errors into the box of the error that they are a part of, as `From` does without boxes.
macro_rules! boxed_from {
    ($whole:ty: $($(#[$attr:meta])* $part:ty),+ $(,)?) => {$(
        $(#[$attr])*
        impl From<$part> for Box<$whole> {
            #[cold]
            fn from(part: $part) -> Self {
                Box::new(<$whole>::from(part))
            }
        }
    )+};
}

pub(crate) use boxed_from;
