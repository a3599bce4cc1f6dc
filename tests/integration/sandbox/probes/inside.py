"""Tries to get out, one way after the other, and prints as JSON what each came to: why it was refused, or None.

Runs as the code under test does. A probe returns where it got through, and raises where it did not.
"""

import ctypes
import json
import os
import resource
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000
PTRACE_ATTACH, PR_GET_NO_NEW_PRIVS = 16, 39
# Numbers of x86-64 and of the generic table, which 64-bit ARM uses.
CALLS = {
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "perf_event_open": (298, 241),
    "process_vm_readv": (310, 270),
    "kcmp": (312, 272),
    "finit_module": (313, 273),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "clone3": (435, 435),
    "pidfd_getfd": (438, 438),
    "kexec_load": (246, 104),
    "open_by_handle_at": (304, 265),
    "acct": (163, 89),
    "swapon": (167, 224),
    "settimeofday": (164, 170),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "setns": (308, 268),
}
KNOWN_DEVICES = {"null", "zero", "full", "random", "urandom", "tty", "console", "ptmx", "fuse", "pts", "shm", "mqueue"}
KNOWN_DEVICES |= {"fd", "stdin", "stdout", "stderr", "core", "net"}


def call(name: str, *arguments: object) -> Callable[[], None]:
    """A system call by number."""

    def probe() -> None:
        number = CALLS[name][os.uname().machine != "x86_64"]
        succeeded(LIBC.syscall(ctypes.c_long(number), *arguments))

    return probe


def succeeded(result: int) -> None:
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def connect(address: str, port: int) -> Callable[[], None]:
    def probe() -> None:
        socket.create_connection((address, port), 2).close()

    return probe


def open_socket(family: int, kind: int, protocol: int = 0) -> Callable[[], None]:
    def probe() -> None:
        socket.socket(family, kind, protocol).close()

    return probe


def write(path: str, data: str = "1") -> Callable[[], None]:
    def probe() -> None:
        Path(path).write_text(data)

    return probe


def read(path: str) -> Callable[[], None]:
    def probe() -> None:
        with open(path, "rb") as file:
            if not file.read(1):
                raise OSError("empty")

    return probe


def refuse(condition: bool, why: str = "not there") -> None:
    if condition:
        raise OSError(why)


def read_the_memory_of_the_first_process() -> None:
    with open("/proc/self/maps") as maps:
        address = int(maps.readline().split("-")[0], 16)
    room = ctypes.create_string_buffer(8)
    here = (ctypes.c_size_t * 2)(ctypes.addressof(room), 8)
    there = (ctypes.c_size_t * 2)(address, 8)
    call("process_vm_readv", 1, here, 1, there, 1, 0)()


def send_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"x", ("192.0.2.1", 53))


def other_interfaces() -> None:
    refuse({name for _, name in socket.if_nameindex()} <= {"lo"} | TUNNELS)


# Templates that the kernel puts into every new network namespace; all of them are down.
TUNNELS = {"tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "sit0", "ip6tnl0", "ip6gre0"}


def files_that_give_rights() -> None:
    found = []
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/sys")]
        for name in names:
            mode = os.lstat(os.path.join(folder, name)).st_mode
            if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
                found.append(name)
    refuse(not found)


def sockets_of_an_engine() -> None:
    found = [
        os.path.join(folder, name)
        for top in ("/run", "/var", "/tmp", "/etc")
        for folder, _, names in os.walk(top)
        for name in names
        if stat.S_ISSOCK(os.lstat(os.path.join(folder, name)).st_mode)
    ]
    refuse(not found and not os.path.exists("/var/run/docker.sock"))


def strange_devices() -> None:
    refuse(set(os.listdir("/dev")) <= KNOWN_DEVICES, f"{sorted(os.listdir('/dev'))}")


def make_a_device() -> None:
    os.mknod("/tmp/disk", stat.S_IFBLK | 0o600, os.makedev(8, 0))


def processes_of_others() -> None:
    users = {os.stat(f"/proc/{name}").st_uid for name in os.listdir("/proc") if name.isdigit()}
    refuse(users <= {65533, 65534}, f"{sorted(users)}")


def a_capability() -> None:
    status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    refuse({status[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {"0" * 16}, "none")


def new_privileges() -> None:
    refuse(LIBC.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no new privileges")


def more_open_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))


def spare_itself_from_the_killer() -> None:
    Path("/proc/self/oom_score_adj").write_text("-1000")


def a_file_with_a_hole_of_a_terabyte() -> None:
    with open("/tmp/hole", "wb") as file:
        file.truncate(1 << 40)


def the_name_of_the_host() -> None:
    refuse(socket.gethostname() == "sandbox", "another name")


PROBES: dict[str, Callable[[], None]] = {
    "connect to another machine": connect("192.0.2.1", 80),
    "connect to the metadata service": connect("169.254.169.254", 80),
    "connect to the machine outside": connect("172.17.0.1", 2375),
    "send a datagram": send_a_datagram,
    "resolve a name": lambda: refuse(not socket.getaddrinfo("example.com", 80)),
    "find another network interface": other_interfaces,
    "open a raw socket": open_socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "open a packet socket": open_socket(17, socket.SOCK_RAW, 3),
    "open a socket to the hypervisor": open_socket(40, socket.SOCK_STREAM),
    "open a socket to the kernel's ciphers": open_socket(38, socket.SOCK_SEQPACKET),
    "mount": lambda: succeeded(LIBC.mount(b"x", b"/tmp", b"tmpfs", 0, b"")),
    "unmount": lambda: succeeded(LIBC.umount2(b"/workspace", 2)),
    "mount the new way": call("fsopen", b"tmpfs", 0),
    "clone a mount": call("open_tree", -100, b"/", 1),
    "change the root": lambda: os.chroot("/tmp"),
    "make a user namespace": lambda: succeeded(LIBC.unshare(CLONE_NEWUSER)),
    "enter a namespace": call("setns", 0, 0),
    "trace the first process": lambda: succeeded(LIBC.ptrace(PTRACE_ATTACH, 1, 0, 0)),
    "read the memory of the first process": read_the_memory_of_the_first_process,
    "take a descriptor of the first process": call("pidfd_getfd", 0, 0, 0),
    "compare itself with the first process": call("kcmp", os.getpid(), 1, 1, 0, 0),
    "end the first process": lambda: os.kill(1, 9),
    "read the first process's environment": read("/proc/1/environ"),
    "write the first process's memory": write("/proc/1/mem"),
    "look into the first process's root": lambda: refuse(not os.listdir("/proc/1/root/")),
    "add a key": call("add_key", b"user", b"x", b"x", 1, -3),
    "ask for a key": call("request_key", b"user", b"x", 0, 0),
    "load a program into the kernel": call("bpf", 5, 0, 0),
    "load a module": call("finit_module", 0, b"", 0),
    "load another kernel": call("kexec_load", 0, 0, 0, 0),
    "watch the processor's counters": call("perf_event_open", 0, 0, -1, -1, 0),
    "handle page faults itself": call("userfaultfd", 0),
    "make an io_uring": call("io_uring_setup", 8, ctypes.create_string_buffer(120)),
    "open a file by its handle": call("open_by_handle_at", -100, 0, 0),
    "read the kernel's log": call("syslog", 3, ctypes.create_string_buffer(4096), 4096),
    "set the clock": call("settimeofday", ctypes.create_string_buffer(16), 0),
    "swap to a file": call("swapon", b"/tmp/x", 0),
    "account processes": call("acct", b"/tmp/x"),
    "set a quota": call("quotactl", 0, b"/", 0, 0),
    "write the kernel's settings": write("/proc/sys/kernel/core_pattern", "|/tmp/x"),
    "pull the kernel's emergency handle": write("/proc/sysrq-trigger", "c"),
    "write below /sys": write("/sys/fs/cgroup/cgroup.procs"),
    "write a release agent": write("/sys/fs/cgroup/memory/release_agent", "/tmp/x"),
    "lift its memory limit": write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "-1"),
    "read the machine's memory": read("/proc/kcore"),
    "read physical memory": read("/dev/mem"),
    "read the kernel's keys": read("/proc/keys"),
    "read the timers of others": read("/proc/timer_list"),
    "make a device": make_a_device,
    "find a device that is none of the usual": strange_devices,
    "find a file that gives rights": files_that_give_rights,
    "find the engine's socket": sockets_of_an_engine,
    "see processes of others": processes_of_others,
    "become root": lambda: os.setuid(0),
    "have a capability": a_capability,
    "gain privileges by a program": new_privileges,
    "spare itself from the killer": spare_itself_from_the_killer,
    "take precedence": lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
    "allow itself more open files": more_open_files,
    "make a file of a terabyte": a_file_with_a_hole_of_a_terabyte,
    "write to the root": write("/x"),
    "write to the interpreter": write("/usr/lib/python3.11/os.py"),
    "write to the accounts": write("/etc/passwd"),
    "write to the names of hosts": write("/etc/hosts"),
    "write to the repository": write("/workspace/x"),
    "learn the machine's name": the_name_of_the_host,
}


def outcome(probe: Callable[[], None]) -> str | None:
    """What the probe comes to in a process of its own, so that no probe profits from another one."""
    answer, told = os.pipe()
    if os.fork() == 0:
        try:
            probe()
        except (OSError, ValueError) as refused:
            os.write(told, str(refused).encode())
        else:
            os.write(told, b"\0")
        os._exit(0)
    os.close(told)
    with open(answer, "rb") as said:
        text = said.read().decode()
    os.wait()
    return None if text == "\0" else text or "the process ended"


if __name__ == "__main__":
    json.dump({name: outcome(probe) for name, probe in PROBES.items()}, sys.stdout)
