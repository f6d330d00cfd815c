"""Chance, one stream per text: the same seed draws the same numbers, whatever else is in the batch.

Every engine that draws for itself takes step ``t`` of the text with seed ``s`` from the same place of the same
stream, so two engines with the same weights say the same for the same seed, up to rounding.

The stream is Philox 4x64 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), keyed by the seed.
NumPy keeps a bit generator's raw stream unchanged from version to version (NEP 19).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]


def words(seeds: Sequence[int], steps: int) -> Words:
    """Two 32-bit words for each text and step, the low one first: shape (len(seeds), steps, 2)."""
    raw = np.stack([np.random.Philox(key=seed).random_raw(steps) for seed in seeds])
    return np.stack([raw & np.uint64(0xFFFFFFFF), raw >> np.uint64(32)], axis=-1)


def uniforms(seeds: Sequence[int], steps: int) -> NDArray[np.float64]:
    """One number in [0, 1) for each text and step: shape (len(seeds), steps).

    Put together from :func:`words` as the C++ library does it (``std::generate_canonical`` with 53 bits).
    """
    pair = words(seeds, steps).astype(np.float64)
    return np.minimum((pair[..., 0] + pair[..., 1] * 2.0**32) / 2.0**64, np.nextafter(1.0, 0.0))
