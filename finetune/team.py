"""The processes of one run: one, or several that ``accelerate launch`` or ``torchrun`` started."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import torch
from torch import Tensor

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Team:
    """This process's place among those of the run."""

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> "Team":
        """Meet the others when this process was launched as one of several; else a team of one."""
        if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
            return cls()
        from accelerate import PartialState

        state = PartialState(cpu=not torch.cuda.is_available())
        return cls(state.process_index, state.num_processes)

    @property
    def leads(self) -> bool:
        """Whether this process writes the files and speaks."""
        return self.rank == 0

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its sum over the team, in one message."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
        torch.distributed.all_reduce(flat)
        for tensor, summed in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(summed.view_as(tensor))

    def wait(self) -> None:
        """Until everybody is here."""
        if self.size > 1:
            torch.distributed.barrier()

    def share(self, find: Callable[[], Found]) -> Found:
        """What ``find`` returns in the leading process, in every process."""
        if self.size == 1:
            return find()
        box = [find() if self.leads else None]
        torch.distributed.broadcast_object_list(box, src=0)
        return cast(Found, box[0])

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in some process."""
        if self.size == 1:
            return flag
        count = torch.tensor([float(flag)], device="cuda" if torch.cuda.is_available() else "cpu")
        torch.distributed.all_reduce(count)
        return bool(count)
