"""scikit-learn's own checks, over many settings of both estimators."""

import inspect
import re
import warnings

import pytest
from sklearn.utils import estimator_checks

from tabgrad.errors import DataWarning
from tabgrad.estimators import Classifier, Regressor
from tabgrad.layers import Dense, Dropout
from tabgrad.losses import Huber, Quantile
from tabgrad.models import Sequential
from tabgrad.optimizers import SGD, Adam
from tabgrad.optimizers.schedules import ExponentialDecay

SMALL = {"preset": "single", "hidden_layer_sizes": (16,), "epochs": 50, "random_state": 0}
WHOLE = {"batch_size": -1, "early_stopping": False, "epochs": 200}

WEIGHTS = "A row of weight 2 takes part in one step, a repeated row in two: see the notes of Classifier."
AGAIN = "The check fits twice and wants equal predictions; with warm_start the second fit goes on from the first."
NEGATIVE = "The check's targets are negative, which the loss refuses by their rows."


def own(features, outputs):
    return Sequential(
        [
            Dense(24, "tanh", input_dim=features),
            Dropout(0.05),
            Dense(outputs, {1: "sigmoid"}.get(outputs, "softmax")),
        ]
    )


def own_line(features, outputs):
    return Sequential([Dense(24, "relu", input_dim=features), Dense(outputs)])


# Settings of which neither touches what the other does share a row.
SHARED = [
    {"hidden_layer_sizes": 32, "optimizer": "nadam"},
    {"hidden_layer_sizes": [16, 16, 16], "activation": "silu", "dropout": 0.0},
    {"hidden_layer_sizes": (), "learning_rate": 0.05, "schedule": "constant"},
    {"dropout": 0.3, "hidden_layer_sizes": (48,)},
    {"optimizer": "sgd", "learning_rate": 0.1},
    {"optimizer": SGD(0.1, momentum=0.9), "schedule": "constant"},
    {"optimizer": "rmsprop", "learning_rate": 0.003, "activation": "tanh"},
    {"optimizer": Adam(0.01, use_ema=True)},
    {"learning_rate": 0.02, "schedule": "constant", "epochs": 60},
    {"learning_rate": ExponentialDecay(0.02, 100, 0.9), "epochs": 60},
    {"batch_size": 16, "epochs": 60},
    {"batch_size": 1000, "weight_decay": 0.05},
    WHOLE,
    {**WHOLE, "numeric": "standard", "use_ema": False},
    {"early_stopping": True, "validation_fraction": 0.3, "patience": 8},
    {"early_stopping": False, "l1": 1e-5, "l2": 1e-4},
    {"weight_decay": 0.0, "use_ema": False},
    {"numeric": "quantile", "n_jobs": 1},
    {"numeric": "none", "epochs": "auto"},
    {"numeric": "standard", "shuffle": False},
    {"warm_start": True},
    {"preset": "fast", "epochs": "auto"},
    {"preset": "fast", "members": 2, "early_stopping": True, "epochs": 60},
    {"preset": "fast", **WHOLE},
]
OF_CLASSES = [
    {"optimizer": "lbfgs", "dropout": 0.0, "epochs": 12, "hidden_layer_sizes": (4,)},
    {"loss": "categorical_crossentropy", "label_smoothing": 0.05},
    {"class_weight": "balanced", "metrics": ["accuracy"]},
    {"class_weight": "balanced", **WHOLE},
    {"loss": "hinge", "hidden_layer_sizes": (32,)},
    {"loss": "binary_focal_crossentropy"},
    {"model": own},
]
OF_VALUES = [
    {"loss": "mae"},
    {"loss": Huber(0.5), "metrics": ["mae"]},
    {"loss": "log_cosh"},
    {"loss": "poisson"},
    {"loss": "gamma_deviance"},
    {"loss": Quantile(0.5)},
    {"model": own_line},
]
CHECKED = [
    *(Classifier(**SMALL | settings) for settings in (*SHARED, *OF_CLASSES)),
    *(Regressor(**SMALL | settings) for settings in (*SHARED, *OF_VALUES)),
]


def excused(estimator):
    """The checks that a setting cannot pass, and why."""
    reasons = {}
    if estimator.batch_size != -1:
        reasons["check_sample_weight_equivalence_on_dense_data"] = WEIGHTS
    if estimator.warm_start:
        reasons["check_supervised_y_2d"] = AGAIN
    if estimator.loss in ("poisson", "gamma_deviance"):
        reasons["check_regressor_multioutput"] = NEGATIVE
    return reasons


@pytest.mark.parametrize("estimator", CHECKED, ids=lambda one: re.sub(r"\n| at 0x\w+", "", repr(one)))
def test_estimator_checks(estimator):
    failed = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        for one, check in estimator_checks.estimator_checks_generator(estimator):
            name = check.func.__name__
            try:
                check(one)
            except BaseException as error:
                if type(error).__name__ not in ("SkipTest", "Skipped") and name not in excused(estimator):
                    failed.append(f"{name}: {error!r}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("estimator", [Classifier(**SMALL), Regressor(**SMALL)], ids=["classifier", "regressor"])
def test_checks_that_scikit_learn_has_but_does_not_run(estimator):
    name = type(estimator).__name__
    estimator_checks.check_dataframe_column_names_consistency(name, estimator)
    estimator_checks.check_param_validation(name, estimator)


@pytest.mark.parametrize("estimator", [Classifier(), Regressor()], ids=["classifier", "regressor"])
def test_every_argument_is_checked_and_told_of(estimator):
    arguments = list(inspect.signature(type(estimator)).parameters)
    assert set(estimator._parameter_constraints) == set(arguments)
    pages = (type(estimator).__doc__ or "") + (Classifier.__doc__ or "")
    assert [name for name in arguments if name not in pages] == []
