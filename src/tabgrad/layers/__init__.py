"""Layers: the parts of a `Sequential`, as frozen records with Keras's names, arguments and defaults."""

from tabgrad.layers._activation import ELU, POINTWISE, Activation, LeakyReLU, PReLU, ReLU, Softmax
from tabgrad.layers._base import Input, Layer, Weight
from tabgrad.layers._dense import Dense
from tabgrad.layers._embedding import Embedding, Flatten
from tabgrad.layers._noise import ActivityRegularization, AlphaDropout, Dropout, GaussianDropout, GaussianNoise
from tabgrad.layers._normalization import BatchNormalization, LayerNormalization
from tabgrad.layers._periodic import PeriodicEmbedding
from tabgrad.layers._piecewise import PiecewiseLinearEmbedding
from tabgrad.layers._residual import Residual
from tabgrad.layers._scale import Scale
from tabgrad.layers._scaling import Normalization, Rescaling

__all__ = [
    "POINTWISE",
    "ELU",
    "Activation",
    "ActivityRegularization",
    "AlphaDropout",
    "BatchNormalization",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianDropout",
    "GaussianNoise",
    "Input",
    "Layer",
    "LayerNormalization",
    "LeakyReLU",
    "Normalization",
    "PReLU",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "ReLU",
    "Rescaling",
    "Residual",
    "Scale",
    "Softmax",
    "Weight",
]
