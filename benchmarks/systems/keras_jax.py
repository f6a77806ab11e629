"""Keras 3 on its JAX backend, with SciKeras for the search: the programs as their users write them."""

from __future__ import annotations

import os
from typing import Any

os.environ |= {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}

import keras  # it reads its backend from the environment

from systems import keras_like


def _names() -> keras_like.Names:
    layers = keras.layers
    return keras_like.Names(keras.Sequential, layers.Dense, layers.Dropout, None, keras.utils.set_random_seed)


def step_times(**settings: Any) -> dict[str, Any]:
    """Time the steps of a program; the warm-up compiles."""
    return keras_like.step_times(_names(), **settings)


def train(**settings: Any) -> dict[str, Any]:
    """Train a program from a seed."""
    return keras_like.train(_names(), **settings)


def grid_search(**settings: Any) -> dict[str, Any]:
    """Run the article's search through SciKeras."""
    from dataclasses import replace

    from scikeras.wrappers import KerasClassifier

    return keras_like.grid_search(replace(_names(), KerasClassifier=KerasClassifier), **settings)
