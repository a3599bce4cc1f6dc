"""What a container is asked for: nothing that gives a way out is allowed by the table of system calls."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pipeline.errors import EXIT_HELD
from sandbox import hardening, seccomp
from sandbox.spec import MIB, Limits

LIMITS = Limits(run_timeout_s=5, memory_bytes=128 * MIB, pids=64)
DENIED = """
    acct add_key bpf chroot clock_settime delete_module finit_module fsopen init_module io_uring_setup ioperm iopl kcmp
    kexec_load keyctl lookup_dcookie mount move_mount name_to_handle_at open_by_handle_at open_tree perf_event_open
    pidfd_getfd pivot_root process_madvise process_vm_readv process_vm_writev ptrace quotactl reboot request_key setns
    settimeofday swapon syslog umount2 unshare userfaultfd vhangup
    """


def test_what_leads_out_is_not_in_the_table() -> None:
    allowed = [name for calls in seccomp.ALLOWED.values() for name in calls.split()]
    assert len(allowed) == len(set(allowed)) > 250
    assert set(DENIED.split()) & set(allowed) == set()
    assert {"clone", "clone3", "socket", "personality"} & set(allowed) == set(), "narrow rules of their own"


def test_new_namespaces_are_refused_and_new_threads_are_not() -> None:
    (clone,) = (rule for rule in seccomp.profile()["syscalls"] if rule["names"] == ["clone"])
    (flags,) = clone["args"]
    threads, new_user = 0x3D0F00, 0x10000000
    assert [bool(value & flags["value"] == flags["valueTwo"]) for value in (threads, new_user)] == [True, False]


def test_gvisor_gets_room_for_its_own_threads() -> None:
    options = {runtime: hardening.options(LIMITS, runtime, 60, 0) for runtime in ("runc", hardening.GVISOR)}
    assert [options[name]["pids_limit"] for name in options] == [64, hardening.GVISOR_LEAST_PIDS]
    assert "seccomp" in hardening.facts(LIMITS, "runc")
    assert "seccomp" not in hardening.facts(LIMITS, hardening.GVISOR), "it filters by itself"


@pytest.mark.parametrize("runtime", ["runc", ""])
def test_untrusted_code_is_refused_without_a_second_kernel(runtime: str) -> None:
    environment = {"SANDBOX_UNTRUSTED": "true", "SANDBOX_RUNTIME": runtime}
    done = subprocess.run(
        [sys.executable, "-m", "sandbox"], capture_output=True, text=True, timeout=60, env=environment
    )
    assert done.returncode == EXIT_HELD
    assert "set SANDBOX_RUNTIME=runsc" in done.stdout + done.stderr
