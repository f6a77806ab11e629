"""Who takes part: tabgrad's estimators and other libraries', each with its defaults, as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd

OURS = "tabgrad "  # the name of a system of ours: this, and its preset or variant


@dataclass(frozen=True)
class Setting:
    """What a system is set up for: classes or numbers, the columns of numbers and of words, the seed, the threads."""

    classifies: bool
    numbers: tuple[str, ...]
    words: tuple[str, ...]
    seed: int
    threads: int


@dataclass(frozen=True)
class Peer:
    """Another library: its name in tables, what pip installs, what Python imports, and how its estimator is made.

    `quick` are arguments for a fit that is over at once: each process makes one before the fit that is timed, so that
    what is loaded at the first use is loaded.
    """

    title: str
    package: str
    module: str
    make: Callable[..., Any]
    quick: dict[str, Any]

    @property
    def advice(self) -> str:
        """What to do where the library is not there."""
        return (
            f"{self.title} is not installed. Install {self.package} where --python points, or leave it out of --peers."
        )


def _lightgbm(setting: Setting, **others: Any) -> Any:
    lightgbm = import_module("lightgbm")
    form = lightgbm.LGBMClassifier if setting.classifies else lightgbm.LGBMRegressor
    return _coded(setting, form(verbose=-1, n_jobs=setting.threads, random_state=setting.seed, **others))


def _xgboost(setting: Setting, **others: Any) -> Any:
    xgboost = import_module("xgboost")
    form = xgboost.XGBClassifier if setting.classifies else xgboost.XGBRegressor
    return _coded(setting, form(n_jobs=setting.threads, random_state=setting.seed, **others))


def _catboost(setting: Setting, **others: Any) -> Any:
    catboost = import_module("catboost")
    form = catboost.CatBoostClassifier if setting.classifies else catboost.CatBoostRegressor
    return Filled(
        form(
            verbose=0,
            thread_count=setting.threads,
            random_seed=setting.seed,
            cat_features=list(setting.words),
            allow_writing_files=False,
            **others,
        ),
        setting,
    )


def _hist_gradient_boosting(setting: Setting, **others: Any) -> Any:
    ensemble = import_module("sklearn.ensemble")
    form = ensemble.HistGradientBoostingClassifier if setting.classifies else ensemble.HistGradientBoostingRegressor
    return _coded(setting, form(random_state=setting.seed, **others))


def _sklearn_mlp(setting: Setting, **others: Any) -> Any:
    from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encoded = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), list(setting.numbers)),
            ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), list(setting.words)),
        ]
    )
    form = MLPClassifier if setting.classifies else MLPRegressor
    network = make_pipeline(encoded, form(early_stopping=True, random_state=setting.seed, **others))
    if setting.classifies:
        return Filled(network, setting)
    return Filled(TransformedTargetRegressor(network, transformer=StandardScaler()), setting)


def _pytabkit(name: str) -> Callable[..., Any]:
    def make(setting: Setting, **others: Any) -> Any:
        form = getattr(import_module("pytabkit"), f"{name}_{'Classifier' if setting.classifies else 'Regressor'}")
        if name == "RealMLP_TD" and setting.classifies:  # what its authors advise where log-loss is the score
            others |= {"val_metric_name": "cross_entropy", "use_ls": False}
        common = {"device": "cpu", "random_state": setting.seed, "n_threads": setting.threads, "verbosity": 0}
        return Filled(form(**common, **others), setting, medians=True)

    return make


PEERS = {
    "lgbm": Peer("LightGBM", "lightgbm", "lightgbm", _lightgbm, {"n_estimators": 1}),
    "xgb": Peer("XGBoost", "xgboost", "xgboost", _xgboost, {"n_estimators": 1}),
    "catboost": Peer("CatBoost", "catboost", "catboost", _catboost, {"iterations": 1}),
    "hist_gradient_boosting": Peer(
        "HistGradientBoosting", "scikit-learn", "sklearn", _hist_gradient_boosting, {"max_iter": 1}
    ),
    "sklearn_mlp": Peer("scikit-learn MLP", "scikit-learn", "sklearn", _sklearn_mlp, {"max_iter": 1}),
    "realmlp": Peer("RealMLP-TD", "pytabkit[models]", "pytabkit", _pytabkit("RealMLP_TD"), {"n_epochs": 1}),
    "tabm": Peer("TabM", "pytabkit[models]", "pytabkit", _pytabkit("TabM_D"), {"n_epochs": 1}),
}
BOOSTING = ("lgbm", "xgb", "catboost", "hist_gradient_boosting")


def title(system: str) -> str:
    """Return the name of a system as a table shows it."""
    return PEERS[system].title if system in PEERS else system


def make(system: str, setting: Setting, arguments: dict[str, Any], *, quick: bool = False) -> Any:
    """Return the estimator of a system; `arguments` are those of a preset or variant of ours."""
    if system in PEERS:
        peer = PEERS[system]
        return peer.make(setting, **(peer.quick if quick else {}))
    import tabgrad

    form = tabgrad.Classifier if setting.classifies else tabgrad.Regressor
    return form(random_state=setting.seed, n_jobs=setting.threads, **({"epochs": 1} if quick else arguments))


def versions(system: str) -> dict[str, str]:
    """Return the versions of what a system runs on."""
    package = PEERS[system].package.partition("[")[0] if system in PEERS else "tabgrad"
    found = {}
    for name in (package, "numpy", "scikit-learn"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _coded(setting: Setting, estimator: Any) -> Any:
    """Put the levels of words into numbers first: 0, 1, ..., and -1 for one that training has not seen."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = [("numbers", "passthrough", list(setting.numbers)), ("words", codes, list(setting.words))]
    return Filled(make_pipeline(ColumnTransformer(columns), estimator), setting)


class Filled:
    """An estimator for which missing words are a word and, with `medians`, missing numbers their column's median."""

    def __init__(self, estimator: Any, setting: Setting, *, medians: bool = False) -> None:
        self.estimator, self.words = estimator, list(setting.words)
        self.numbers = list(setting.numbers) if medians else []

    def fit(self, X: pd.DataFrame, y: pd.Series) -> Filled:
        """Note the medians and fit."""
        self.medians_ = X[self.numbers].astype(float).median()
        self.estimator.fit(self._filled(X), y)
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        """Return values."""
        return self.estimator.predict(self._filled(X))

    def predict_proba(self, X: pd.DataFrame) -> Any:
        """Return the probabilities of classes."""
        return self.estimator.predict_proba(self._filled(X))

    @property
    def classes_(self) -> Any:
        """The classes, in the order of the probabilities."""
        return self.estimator.classes_

    def _filled(self, X: pd.DataFrame) -> pd.DataFrame:
        X = X.copy()
        for name in self.words:
            X[name] = X[name].astype(object).where(X[name].notna(), "nan").astype(str)
        X[self.numbers] = X[self.numbers].astype(float).fillna(self.medians_)
        return X
