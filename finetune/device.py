"""Where to train, and in which number format: what this machine does well, found out and not assumed."""

import contextlib
import ctypes
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from finetune.errors import RecipeError
from finetune.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Place:
    """A device and the format its matrix products run in."""

    device: torch.device
    bf16: bool

    def autocast(self) -> AbstractContextManager[object]:
        """Matrix products in bf16 where that is the format; a context that changes nothing elsewhere."""
        if not self.bf16:
            return contextlib.nullcontext()
        context: AbstractContextManager[object] = torch.autocast(self.device.type, dtype=torch.bfloat16)
        return context

    @property
    def name(self) -> str:
        """For people: ``cpu in bf16``."""
        return f"{self.device.type} in {'bf16' if self.bf16 else 'fp32'}"


def choose_place(recipe: Recipe) -> Place:
    """The device and format a recipe asks for, or the best there are.

    Raises:
        RecipeError: the device is not there, or cannot compute in bf16.
    """
    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    kind = recipe.device
    if kind == "auto":
        kind = "cuda" if have["cuda"] else "mps" if have["mps"] else "cpu"
    if not have[kind]:
        raise RecipeError(f"The recipe asks for device {kind}, which PyTorch does not find here; use --device auto.")
    bf16 = fast_bf16(kind) if recipe.precision == "auto" else recipe.precision == "bf16"
    if bf16 and kind == "cuda" and not torch.cuda.is_bf16_supported():
        raise RecipeError("The recipe asks for bf16, which this GPU does not have; use --precision fp32.")
    return Place(torch.device(kind), bf16)


def fast_bf16(kind: str) -> bool:
    """Whether bf16 products are faster than fp32 ones here.

    On a CPU that needs AVX512-BF16 or AMX; others emulate it, slower than fp32. On Apple's MPS fp32 is the safe choice.
    """
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    capabilities = torch.backends.cpu.get_cpu_capability() if kind == "cpu" else ""
    return bool(kind == "cpu" and "AVX512" in capabilities and _cpu_flag("avx512_bf16", "amx_bf16"))


def keep_freed_memory() -> bool:
    """Let glibc keep what a step frees for the next step; returns whether it did.

    A step frees and asks for the same gigabyte of activations again and again. By default the C library hands it back
    to the system, which zeroes each page before it lends it anew: or not, depending on what lies last.
    PyTorch's advice for CPUs is another allocator (https://docs.pytorch.org/tutorials/recipes/recipes/tuning_guide.html);
    glibc's own settings (mallopt(3)) do the same without one.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    trim, mapped = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h
    return bool(mallopt(mapped, 2**30) and mallopt(trim, 2**31 - 1))


def _cpu_flag(*flags: str) -> bool:
    """Whether the processor lists one of these flags; False where the system does not say."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123  (a device file, read line by line)
            line = next((line for line in file if line.startswith("flags")), "")
    except OSError:
        return False
    return bool(set(flags) & set(line.split()))
