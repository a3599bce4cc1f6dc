"""How a container is asked for so that nothing gets out of it: every option in one place. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox import seccomp
from sandbox.environment import REPOSITORY
from sandbox.spec import MIB, Limits

GVISOR = "runsc"
EXPIRES = "pr-telemetry.sandbox.expires"  # label: seconds since the epoch after which nobody needs the container
LIVE = "pr-telemetry.sandbox.live"  # label: "yes" where the validation follows its trace
PREPARING, RUNNING = "65533:65533", "65534:65534"
SHARED_MEMORY_BYTES = 16 * MIB
OPEN_FILES = 1024
# gVisor's kernel is a process itself, whose threads the engine counts: below about 256 it dies without a word.
GVISOR_LEAST_PIDS = 1024
# Ends when its input does or its time is over. The shell is there to collect what a run leaves behind: zombies count as
# processes, and those of one run would leave the next one no room.
_FIRST_PROCESS = 'exec 3<&0; timeout -s KILL "$1" cat <&3 & wait $!'


def options(limits: Limits, runtime: str, lifetime_s: float, now_s: float, *, live: bool = True) -> dict[str, Any]:
    """What docker's `containers.create` is told beside the image. `now_s`: seconds since the epoch.

    There is no limit on a user's processes (RLIMIT_NPROC): it would count those of all containers together, which share
    their users; the number of processes is the control group's to limit.
    """
    return {
        "command": ["sh", "-c", _FIRST_PROCESS, "first", str(round(lifetime_s))],
        "stdin_open": True,
        "auto_remove": True,
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges", seccomp.option()],
        "user": PREPARING,
        "runtime": runtime,
        "mem_limit": limits.memory_bytes,
        "memswap_limit": limits.memory_bytes,
        "nano_cpus": round(limits.cpus * 1e9),
        "pids_limit": max(limits.pids, GVISOR_LEAST_PIDS) if runtime == GVISOR else limits.pids,
        "shm_size": SHARED_MEMORY_BYTES,
        "ipc_mode": "private",
        "ulimits": [_at_most("core", 0), _at_most("nofile", OPEN_FILES), _at_most("fsize", _largest_file(limits))],
        "tmpfs": {
            REPOSITORY: f"size={limits.repository_bytes},mode=0755,uid=65533,gid=65533,nosuid,nodev",
            "/tmp": f"size={limits.scratch_bytes},mode=1777,nosuid,nodev,exec",
        },
        "hostname": "sandbox",
        "log_config": {"type": "none"},
        "labels": {EXPIRES: str(round(now_s + lifetime_s)), LIVE: "yes" if live else "no"},
    }


def facts(limits: Limits, runtime: str) -> dict[str, str]:
    """What of the options may decide a result, for the record of a validation."""
    filtered = {} if runtime == GVISOR else {"seccomp": hashlib.sha256(seccomp.option().encode()).hexdigest()[:16]}
    return filtered | {
        "runtime": runtime,
        "network": "none",
        "memory_bytes": str(limits.memory_bytes),
        "cpus": f"{limits.cpus:g}",
        "pids": str(limits.pids),
    }


def _at_most(name: str, value: int) -> dict[str, Any]:
    return {"name": name, "soft": value, "hard": value}


def _largest_file(limits: Limits) -> int:
    # also of a file with holes, which takes no room: whoever reads it would meet all of it
    return max(limits.repository_bytes, limits.scratch_bytes)
