//! Why functions can't be put together to a program.

use thiserror::Error;

/// A program that can't be linked.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum LinkError {
    /// A call to a place where no function starts.
    #[error(
        "program {program}: {function}, instruction {insn}: calls a place where no function starts"
    )]
    NoFunction {
        /// The program.
        program: String,
        /// The function that calls.
        function: String,
        /// Slot in that function.
        insn: usize,
    },
    /// A reference to a kernel symbol or kernel function.
    #[error(
        "program {program}: {function}, instruction {insn}: refers to the extern {name}, which is not supported yet"
    )]
    Extern {
        /// The program.
        program: String,
        /// The function that refers to it.
        function: String,
        /// Slot in that function.
        insn: usize,
        /// The symbol.
        name: String,
    },
    /// More instructions than any kernel takes.
    #[error("program {program}: more than a million instructions, which no kernel takes")]
    TooLarge {
        /// The program.
        program: String,
    },
    /// Global data that a kernel does not have, and no stack left to do without.
    #[cfg(feature = "full")]
    #[error(
        "program {program}: {function} uses {variables}, and this kernel has no global data (Linux 5.2), \
         nor has its stack room for the addresses"
    )]
    NoRoom {
        /// The program.
        program: String,
        /// The function that uses it.
        function: String,
        /// The variables, joined.
        variables: String,
    },
    /// A jump that its sixteen bits can't hold, after instructions were put in.
    #[cfg(feature = "full")]
    #[error("program {program}: too large for what this kernel needs: a jump gets too far")]
    TooFar {
        /// The program.
        program: String,
    },
    /// The object and its sections do not belong together.
    #[error("a function is not where the object says")]
    Lost,
}
