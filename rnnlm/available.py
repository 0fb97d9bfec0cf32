"""The memory that this process may still take: the least that the machine, its control group and its limits leave.

Only Linux reports all of it.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_PAGE = 4096


@dataclass(frozen=True)
class MemoryLimit:
    """`left` more bytes, and what sets the bound, in words."""

    left: int
    bound: str


def memory_left(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> MemoryLimit | None:
    """The memory left for this process; None if the system does not report it."""
    limits = [_of_the_machine(proc), *_of_the_groups(proc, groups), *_of_the_limits(proc)]
    known = [each for each in limits if each is not None]
    return min(known, key=lambda each: each.left, default=None)


def process_memory(proc: Path = Path("/proc")) -> int:
    """Bytes that this process has in memory now; 0 if the system does not report it."""
    found = _numbers(proc / "self" / "statm")
    return found[1] * _page() if len(found) > 1 else 0


def _of_the_machine(proc: Path) -> MemoryLimit | None:
    for line in _lines(proc / "meminfo"):
        if line.startswith("MemAvailable:"):
            return MemoryLimit(1024 * int(line.split()[1]), "free memory")
    return None


def _of_the_groups(proc: Path, groups: Path) -> list[MemoryLimit]:
    """What the control group of this process and its parents leave, version 2 or 1 (Docker, systemd, Slurm)."""
    limits = []
    for line in _lines(proc / "self" / "cgroup"):
        _, controllers, inside = line.split(":", 2)
        second = controllers == ""
        if not second and "memory" not in controllers.split(","):
            continue
        root = groups if second else groups / "memory"
        names = ("memory.max", "memory.current") if second else ("memory.limit_in_bytes", "memory.usage_in_bytes")
        cache = "inactive_file" if second else "total_inactive_file"
        directory = root / inside.lstrip("/")
        # In a container the path is often the one outside of it, and the group itself is at the root.
        for path in (directory, *directory.parents):
            if not path.is_relative_to(root):
                break
            limit, used = (_numbers(path / name) for name in names)
            if limit and used and limit[0] < 2**60:  # version 1 writes a huge number for no limit
                held = [int(each.split()[1]) for each in _lines(path / "memory.stat") if each.split()[0] == cache]
                limits.append(MemoryLimit(max(0, limit[0] - used[0] + sum(held)), "the control group's limit"))
    return limits


def _of_the_limits(proc: Path) -> list[MemoryLimit]:
    """What `ulimit -v` and `ulimit -d` leave."""
    try:
        import resource  # noqa: PLC0415 — only on Unix
    except ImportError:
        return []
    limits = []
    statm = _numbers(proc / "self" / "statm")  # size, resident, shared, text, 0, data and stack: in pages
    for number, name, column in ((resource.RLIMIT_AS, "ulimit -v", 0), (resource.RLIMIT_DATA, "ulimit -d", 5)):
        limit = resource.getrlimit(number)[0]
        if limit != resource.RLIM_INFINITY and len(statm) > column:
            limits.append(MemoryLimit(max(0, limit - statm[column] * _page()), name))
    return limits


def _page() -> int:
    return os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else _PAGE


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def _numbers(path: Path) -> list[int]:
    """The integers at the beginning of a file's first line."""
    found = []
    for word in (_lines(path) or [""])[0].split():
        if not word.isdecimal():
            break
        found.append(int(word))
    return found
