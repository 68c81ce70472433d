//! A program on a terminal of its own: what it prints comes line by line, and not when its buffer is full.

use std::fs::File;
use std::os::fd::FromRawFd;
use std::process::{Command, Stdio};
use std::ptr;

use crate::watch::Watch;

/// Starts it.
pub fn spawn(command: Command) -> Watch {
    let (mut ours, mut theirs) = (-1, -1);
    // Safety: both numbers live on; the other arguments may be null.
    let opened = unsafe {
        libc::openpty(
            &mut ours,
            &mut theirs,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    assert_eq!(opened, 0, "{}", std::io::Error::last_os_error());
    // Lines are to come as they are written.
    // Safety: zeros are a termios, which lives on; `theirs` is open.
    unsafe {
        let mut raw: libc::termios = std::mem::zeroed();
        libc::cfmakeraw(&mut raw);
        assert_eq!(libc::tcsetattr(theirs, libc::TCSANOW, &raw), 0);
    }
    // Safety: openpty has opened both, for nobody else.
    let (ours, theirs) = unsafe { (File::from_raw_fd(ours), File::from_raw_fd(theirs)) };
    Watch::spawn_with(command, Stdio::from(theirs), Some(ours))
}
