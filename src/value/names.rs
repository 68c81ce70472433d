//! Numbers that have names: errors, signals and system calls of arm64, told by their typedefs.
//!
//! Source: the kernel's include/uapi/asm-generic/{errno-base,errno,signal,unistd}.h.

/// Kinds of such numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// What a system call answers: a negative error or a number.
    Error,
    Signal,
    Syscall,
}

impl Names {
    /// By the name of a typedef and the bytes of its number.
    pub fn of(typedef: &str, size: u32) -> Option<Names> {
        match (typedef, size) {
            ("errno_t", 4) => Some(Names::Error),
            ("signal_t", 4) => Some(Names::Signal),
            ("syscall_t", 4) => Some(Names::Syscall),
            _ => None,
        }
    }

    /// The list, by number, and what stands before each name.
    fn list(self) -> (&'static str, &'static str) {
        match self {
            Names::Error => (ERRORS, "E"),
            Names::Signal => (SIGNALS, "SIG"),
            Names::Syscall => (SYSCALLS, ""),
        }
    }

    /// The two parts of a number's name.
    pub fn name(self, number: i64) -> Option<(&'static str, &'static str)> {
        let (list, prefix) = self.list();
        let number = match self {
            Names::Error => number.checked_neg()?,
            _ => number,
        };
        let name = list.split(' ').nth(usize::try_from(number).ok()?)?;
        (name != "-").then_some((prefix, name))
    }

    /// The number of a name, with or without what stands before it.
    pub fn number(self, word: &str) -> Option<i64> {
        let (list, prefix) = self.list();
        let word = word.strip_prefix(prefix).unwrap_or(word);
        let found = list.split(' ').position(|name| name == word && name != "-");
        let number = i64::try_from(found?).ok()?;
        Some(match self {
            Names::Error => -number,
            _ => number,
        })
    }

    /// Characters of the longest usual name.
    pub fn width(self) -> usize {
        match self {
            Names::Error => 7,
            Names::Signal => 9,
            Names::Syscall => 20,
        }
    }
}

/// Errors from 0 on.
const ERRORS: &str = "\
    - PERM NOENT SRCH INTR IO NXIO 2BIG NOEXEC BADF CHILD AGAIN NOMEM ACCES FAULT NOTBLK BUSY EXIST XDEV NODEV NOTDIR \
    ISDIR INVAL NFILE MFILE NOTTY TXTBSY FBIG NOSPC SPIPE ROFS MLINK PIPE DOM RANGE DEADLK NAMETOOLONG NOLCK NOSYS \
    NOTEMPTY LOOP - NOMSG IDRM CHRNG L2NSYNC L3HLT L3RST LNRNG UNATCH NOCSI L2HLT BADE BADR XFULL NOANO BADRQC BADSLT - \
    BFONT NOSTR NODATA TIME NOSR NONET NOPKG REMOTE NOLINK ADV SRMNT COMM PROTO MULTIHOP DOTDOT BADMSG OVERFLOW NOTUNIQ \
    BADFD REMCHG LIBACC LIBBAD LIBSCN LIBMAX LIBEXEC ILSEQ RESTART STRPIPE USERS NOTSOCK DESTADDRREQ MSGSIZE PROTOTYPE \
    NOPROTOOPT PROTONOSUPPORT SOCKTNOSUPPORT OPNOTSUPP PFNOSUPPORT AFNOSUPPORT ADDRINUSE ADDRNOTAVAIL NETDOWN \
    NETUNREACH NETRESET CONNABORTED CONNRESET NOBUFS ISCONN NOTCONN SHUTDOWN TOOMANYREFS TIMEDOUT CONNREFUSED HOSTDOWN \
    HOSTUNREACH ALREADY INPROGRESS STALE UCLEAN NOTNAM NAVAIL ISNAM REMOTEIO DQUOT NOMEDIUM MEDIUMTYPE CANCELED NOKEY \
    KEYEXPIRED KEYREVOKED KEYREJECTED OWNERDEAD NOTRECOVERABLE RFKILL HWPOISON";

/// Signals from 0 on.
const SIGNALS: &str = "\
    - HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG \
    XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/// System calls from 0 on.
const SYSCALLS: &str = "\
    io_setup io_destroy io_submit io_cancel io_getevents setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr \
    listxattr llistxattr flistxattr removexattr lremovexattr fremovexattr getcwd lookup_dcookie eventfd2 epoll_create1 \
    epoll_ctl epoll_pwait dup dup3 fcntl inotify_init1 inotify_add_watch inotify_rm_watch ioctl ioprio_set ioprio_get \
    flock mknodat mkdirat unlinkat symlinkat linkat renameat umount2 mount pivot_root nfsservctl statfs fstatfs \
    truncate ftruncate fallocate faccessat chdir fchdir chroot fchmod fchmodat fchownat fchown openat close vhangup \
    pipe2 quotactl getdents64 lseek read write readv writev pread64 pwrite64 preadv pwritev sendfile pselect6 ppoll \
    signalfd4 vmsplice splice tee readlinkat newfstatat fstat sync fsync fdatasync sync_file_range2 timerfd_create \
    timerfd_settime timerfd_gettime utimensat acct capget capset personality exit exit_group waitid set_tid_address \
    unshare futex set_robust_list get_robust_list nanosleep getitimer setitimer kexec_load init_module delete_module \
    timer_create timer_gettime timer_getoverrun timer_settime timer_delete clock_settime clock_gettime clock_getres \
    clock_nanosleep syslog ptrace sched_setparam sched_setscheduler sched_getscheduler sched_getparam sched_setaffinity \
    sched_getaffinity sched_yield sched_get_priority_max sched_get_priority_min sched_rr_get_interval restart_syscall \
    kill tkill tgkill sigaltstack rt_sigsuspend rt_sigaction rt_sigprocmask rt_sigpending rt_sigtimedwait \
    rt_sigqueueinfo rt_sigreturn setpriority getpriority reboot setregid setgid setreuid setuid setresuid getresuid \
    setresgid getresgid setfsuid setfsgid times setpgid getpgid getsid setsid getgroups setgroups uname sethostname \
    setdomainname getrlimit setrlimit getrusage umask prctl getcpu gettimeofday settimeofday adjtimex getpid getppid \
    getuid geteuid getgid getegid gettid sysinfo mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr \
    msgget msgctl msgrcv msgsnd semget semctl semtimedop semop shmget shmctl shmat shmdt socket socketpair bind listen \
    accept connect getsockname getpeername sendto recvfrom setsockopt getsockopt shutdown sendmsg recvmsg readahead brk \
    munmap mremap add_key request_key keyctl clone execve mmap fadvise64 swapon swapoff mprotect msync mlock munlock \
    mlockall munlockall mincore madvise remap_file_pages mbind get_mempolicy set_mempolicy migrate_pages move_pages \
    rt_tgsigqueueinfo perf_event_open accept4 recvmmsg - - - - - - - - - - - - - - - - wait4 prlimit64 fanotify_init \
    fanotify_mark - - clock_adjtime syncfs setns sendmmsg process_vm_readv process_vm_writev kcmp finit_module \
    sched_setattr sched_getattr renameat2 seccomp getrandom memfd_create bpf execveat userfaultfd membarrier mlock2 \
    copy_file_range preadv2 pwritev2 pkey_mprotect pkey_alloc pkey_free statx io_pgetevents rseq kexec_file_load - - - \
    - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - \
    - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - clock_gettime64 \
    clock_settime64 clock_adjtime64 clock_getres_time64 clock_nanosleep_time64 timer_gettime64 timer_settime64 \
    timerfd_gettime64 timerfd_settime64 utimensat_time64 pselect6_time64 ppoll_time64 - io_pgetevents_time64 \
    recvmmsg_time64 mq_timedsend_time64 mq_timedreceive_time64 semtimedop_time64 rt_sigtimedwait_time64 futex_time64 \
    sched_rr_get_interval_time64 pidfd_send_signal io_uring_setup io_uring_enter io_uring_register open_tree move_mount \
    fsopen fsconfig fsmount fspick pidfd_open clone3 close_range openat2 pidfd_getfd faccessat2 process_madvise \
    epoll_pwait2 mount_setattr quotactl_fd landlock_create_ruleset landlock_add_rule landlock_restrict_self \
    memfd_secret process_mrelease futex_waitv set_mempolicy_home_node cachestat fchmodat2 map_shadow_stack futex_wake \
    futex_wait futex_requeue statmount listmount lsm_get_self_attr lsm_set_self_attr lsm_list_modules mseal setxattrat \
    getxattrat listxattrat removexattrat open_tree_attr file_getattr file_setattr";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names_and_names_numbers() {
        for (names, number, name) in [
            (Names::Error, -2, "ENOENT"),
            (Names::Error, -110, "ETIMEDOUT"),
            (Names::Error, -133, "EHWPOISON"),
            (Names::Signal, 9, "SIGKILL"),
            (Names::Signal, 31, "SIGSYS"),
            (Names::Syscall, 0, "io_setup"),
            (Names::Syscall, 56, "openat"),
            (Names::Syscall, 167, "prctl"),
            (Names::Syscall, 221, "execve"),
            (Names::Syscall, 291, "statx"),
            (Names::Syscall, 435, "clone3"),
            (Names::Syscall, 462, "mseal"),
        ] {
            let found = names
                .name(number)
                .map(|(prefix, name)| [prefix, name].concat());
            assert_eq!(found.as_deref(), Some(name));
            assert_eq!(names.number(name), Some(number));
        }
        assert_eq!(Names::Signal.number("KILL"), Some(9));
        for (names, number) in [
            (Names::Error, 2),
            (Names::Error, 0),
            (Names::Error, -41),
            (Names::Error, i64::MIN),
            (Names::Signal, 0),
            (Names::Signal, -9),
            (Names::Syscall, 250),
            (Names::Syscall, 100_000),
        ] {
            assert_eq!(names.name(number), None, "{number}");
        }
        assert_eq!(Names::Syscall.number("-"), None);
    }
}
