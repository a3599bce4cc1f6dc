"""The system calls that code in a container may make. Pure: a table, and the profile the Docker engine takes.

Everything that is not named is refused with EPERM. It is what ordinary programs, interpreters, compilers and git need;
left out, beside what the engine leaves out by itself for a container without capabilities, is what looks into or writes
to another process (`ptrace`, `process_vm_readv`, `pidfd_getfd`, `kcmp`), and the young and large parts of the kernel
that most escapes went through (`io_uring`, `bpf`, `userfaultfd`, `perf_event_open`, keyrings, new namespaces, mounts).
Calls of another architecture than the machine's own (32-bit calls on a 64-bit kernel) end the process.
"""

from __future__ import annotations

import json
from typing import Any

ALLOWED = {
    "files": """
        access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64
        fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat fcntl fdatasync fgetxattr flistxattr flock
        fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr
        inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl lchown lgetxattr link linkat listxattr
        llistxattr lremovexattr lseek lsetxattr lstat memfd_create mkdir mkdirat mknod mknodat newfstatat open openat
        openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
        removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs statx symlink symlinkat sync
        sync_file_range syncfs tee truncate umask unlink unlinkat utime utimensat utimes vmsplice write writev
        """,
    "memory": """
        brk madvise membarrier mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock munlockall munmap
        pkey_alloc pkey_free pkey_mprotect remap_file_pages
        """,
    "processes": """
        arch_prctl capget capset execve execveat exit exit_group fork get_robust_list getcpu getegid geteuid getgid
        getgroups getpgid getpgrp getpid getppid getpriority getresgid getresuid getrlimit getrusage getsid gettid
        getuid kill landlock_add_rule landlock_create_ruleset landlock_restrict_self pidfd_open pidfd_send_signal
        prctl prlimit64 restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
        rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
        sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity
        sched_setattr sched_setparam sched_setscheduler sched_yield seccomp set_robust_list set_thread_area
        set_tid_address setfsgid setfsuid setgid setgroups setpgid setpriority setregid setresgid setresuid setreuid
        setrlimit setsid setuid sigaltstack signalfd signalfd4 sysinfo tgkill tkill times uname vfork wait4 waitid
        """,
    "time": """
        alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep pause setitimer time
        timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
        timerfd_settime
        """,
    "waiting": """
        epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 futex futex_requeue
        futex_wait futex_waitv futex_wake io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit poll
        ppoll pselect6 select
        """,
    "exchange between processes": """
        accept accept4 bind connect getpeername getrandom getsockname getsockopt listen mq_getsetattr mq_notify
        mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd recvfrom recvmmsg recvmsg semctl
        semget semop semtimedop sendmmsg sendmsg sendto setsockopt shmat shmctl shmdt shmget shutdown socketpair
        """,
}

_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET
_SOCKET_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
_PERSONALITIES = {"PER_LINUX": 0, "the present one": 0xFFFFFFFF}
_ENOSYS = 38


def profile() -> dict[str, Any]:
    """The profile as the engine wants it: everything refused but what the table and a few narrow rules allow."""
    names = sorted(name for calls in ALLOWED.values() for name in calls.split())
    rules = [
        _allow(names),
        _allow(["clone"], _compare("SCMP_CMP_MASKED_EQ", _NEW_NAMESPACES, 0)),
        # its flags are in memory where no filter can read them; the C library goes on with clone
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": _ENOSYS},
        *(_allow(["socket"], _compare("SCMP_CMP_EQ", family)) for family in _SOCKET_FAMILIES.values()),
        *(_allow(["personality"], _compare("SCMP_CMP_EQ", kind)) for kind in _PERSONALITIES.values()),
    ]
    return {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules}


def option() -> str:
    """The profile as a `security_opt` of a container."""
    return f"seccomp={json.dumps(profile(), separators=(',', ':'))}"


def _allow(names: list[str], *comparisons: dict[str, Any]) -> dict[str, Any]:
    return {"names": names, "action": "SCMP_ACT_ALLOW", "args": list(comparisons)}


def _compare(operator: str, value: int, masked: int = 0) -> dict[str, Any]:
    return {"index": 0, "op": operator, "value": value, "valueTwo": masked}
