"""Memory of a training: whether it ran out, how much it took at most, and what was learnt from that."""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import Final

from liftgate.errors import InputError
from liftgate.files import read_json, write_json
from liftgate.training.tuning.libraries import Libraries

_LEARNT: Final = "memory.json"
# What a CPU's allocator says in a plain RuntimeError.
_SAID: Final = ("can't allocate memory", "not enough memory", "out of memory")


def ran_out(error: BaseException, libraries: Libraries) -> bool:
    """Whether this error means that a device or the machine has no memory left."""
    if isinstance(error, MemoryError | libraries.torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error).lower() for said in _SAID)


def release(libraries: Libraries) -> None:
    """Give back what a failed attempt held."""
    gc.collect()
    if libraries.device == "cuda":
        libraries.torch.cuda.empty_cache()


def most_at_once(work: Path) -> int | None:
    """How many rows at once an earlier attempt at this training could hold; None when none ran out."""
    if not (work / _LEARNT).is_file():
        return None
    with contextlib.suppress(InputError):
        found = read_json(work / _LEARNT).get("rows_at_once")
        return found if isinstance(found, int) and found > 0 else None
    return None


def remember(work: Path, rows_at_once: int) -> None:
    """Keep it for whoever goes on."""
    write_json(work / _LEARNT, {"schema_version": 1, "rows_at_once": rows_at_once})


class Peak:
    """The most memory that was held since it was made, in bytes: of the device, or of this process on a CPU."""

    def __init__(self, libraries: Libraries) -> None:
        self._cuda = libraries.torch.cuda if libraries.device == "cuda" else None
        if self._cuda is not None:
            self._cuda.reset_peak_memory_stats()
        else:
            # Linux only, and not in every container; elsewhere the peak is that of the whole process.
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5")

    @property
    def measured(self) -> int:
        """Bytes so far."""
        if self._cuda is not None:
            return int(self._cuda.max_memory_allocated())
        return _resident_peak()


def _resident_peak() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # no POSIX
        return 0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
