"""`EnsembleClassifier` and `EnsembleRegressor`: the weighted mean of what several estimators say, as one estimator."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from tabgrad import losses, store
from tabgrad._checks import NOT_NEGATIVE, check, check_numbers
from tabgrad._refusals import shown
from tabgrad._row_weights import row_weights
from tabgrad._warning import warn
from tabgrad.errors import ArgumentError, ArgumentTypeError, DataError, DataWarning
from tabgrad.estimators._base import TableEstimator
from tabgrad.estimators._conformal import intervals
from tabgrad.estimators._ensemble_saving import MOST_MEMBERS, facts_of, joined, parted
from tabgrad.estimators._network import positive
from tabgrad.estimators._parameters import check_parameters
from tabgrad.estimators._rows import check_columns, read_rows
from tabgrad.estimators._scoring import Held
from tabgrad.estimators.classifier import Classifier, labels_in, sets_around
from tabgrad.estimators.regressor import Regressor
from tabgrad.store import Content
from tabgrad.table import Schema

__all__ = ["EnsembleClassifier", "EnsembleRegressor"]


class TableEnsemble(BaseEstimator):
    """The common part of both: members fitted or taken, joined, asked together, saved."""

    _kind: ClassVar[str]  # what a file of its is called
    _member: ClassVar[type[TableEstimator]]

    estimators: Any
    weights: Any

    members_: tuple[TableEstimator, ...]
    weights_: np.ndarray
    oof_prediction_: np.ndarray
    scores_: dict[str, float]
    n_features_in_: int
    _residuals: tuple[Any, ...]
    _encoded_alike: tuple[tuple[int, ...], ...]

    # ---- scikit-learn's contract -----------------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there are members."""
        return hasattr(self, "members_")

    def __sklearn_tags__(self) -> Tags:
        """Missing values, text and categories are welcome, as to the members."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    # ---- Training --------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Fit a copy of each of the estimators whose weight is above 0.

        Parameters
        ----------
        X, y, sample_weight, groups
            As for fit of the estimators.

        Returns
        -------
        self
        """
        given, weights = self._joinable(self.estimators, self.weights, "estimators")
        members = [clone(each).fit(X, y, sample_weight, groups) for each in given]
        held_out = _mean([each._tempered(each.oof_prediction_) for each in members], weights)
        _, answers = members[0]._scored(X, y)
        self._join(members, weights, held_out, answers, sample_weight)
        return self

    @classmethod
    def of(
        cls, members: Sequence[Any], weights: Any = None, *, oof: Any = None, y: Any = None, sample_weight: Any = None
    ) -> Self:
        """An ensemble of estimators that are fitted already, to the same columns and the same target.

        Parameters
        ----------
        members : sequence of fitted estimators
        weights : array of shape (members,), optional
            Not negative; only their proportions count, and members of weight 0 are left out. None: all the same.
        oof : array of shape (rows,) or (rows, classes or outputs), optional
            What the weighted mean said of rows that none of those who said it was trained on, such as the out-of-fold
            predictions of a cross-validation: from it are `scores_` and, for numbers, intervals. NaN where there is
            none.
        y : array of shape (rows,) or (rows, outputs), optional
            The truth of the same rows.
        sample_weight : array of shape (rows,), optional
            What each of them counts for.

        Returns
        -------
        EnsembleClassifier or EnsembleRegressor

        Raises
        ------
        ArgumentTypeError, NotFittedError
            A member is no such estimator, or not fitted.
        ArgumentError, DataError
            Members of other columns or targets; weights that are none; predictions without y.
        """
        taken, shares = cls._joinable(members, weights, "members")
        for each in taken:
            check_is_fitted(each)
        if (oof is None) != (y is None):
            raise ArgumentError(f"{cls.__name__}.of needs 'oof' and 'y' together: predictions, and what is true.")
        made = cls([clone(each) for each in taken], weights=shares.tolist())
        made._join(taken, shares, None if oof is None else np.asarray(oof, np.float64), y, sample_weight)
        return made

    @classmethod
    def _joinable(cls, estimators: Any, weights: Any, name: str) -> tuple[list[Any], np.ndarray]:
        """Estimators of the right class whose weight is above 0, and these weights, whose sum is 1."""
        owner, wanted = cls.__name__, cls._member.__name__
        listed = list(estimators) if isinstance(estimators, (list, tuple)) else []
        if strange := [each for each in listed if not isinstance(each, cls._member)]:
            raise ArgumentTypeError(f"'{name}' of {owner} must each be a {wanted}. Got {shown(strange[0])}.")
        if not 0 < len(listed) <= MOST_MEMBERS:
            got = f"{len(listed):,}" if listed else shown(estimators)
            raise ArgumentTypeError(f"'{name}' of {owner} must be a list of 1 to {MOST_MEMBERS:,}. Got {got}.")
        if weights is None:
            return listed, np.full(len(listed), 1 / len(listed))
        shares = np.array(check_numbers(weights, "weights", owner, NOT_NEGATIVE))
        if len(shares) != len(listed) or not shares.any():
            raise ArgumentError(
                f"'weights' of {owner} must be a number for each of {len(listed)} {name}, one of them above 0. Got "
                f"{shown(shares.tolist())}."
            )
        taken = np.flatnonzero(shares)
        return [listed[place] for place in taken], shares[taken] / shares[taken].sum()

    def _join(
        self, members: Sequence[Any], weights: np.ndarray, held_out: np.ndarray | None, y: Any, sample_weight: Any
    ) -> None:
        """Become the ensemble of fitted members; `held_out` and y are of rows that scores are taken from."""
        _check_alike(members, type(self).__name__)
        scores: dict[str, float] = {}
        residuals: tuple[Any, ...] = ()
        if held_out is not None:
            scores, residuals = _judged(members[0], held_out, y, sample_weight, type(self).__name__)
            self.oof_prediction_ = held_out
        self._keep(members, weights, scores, residuals)

    def _keep(
        self,
        members: Sequence[TableEstimator],
        weights: np.ndarray,
        scores: dict[str, float],
        residuals: tuple[Any, ...],
    ) -> None:
        self.members_, self.weights_ = tuple(members), weights
        self.scores_, self._residuals = scores, residuals
        self._encoded_alike = _alike(members)
        self.n_features_in_ = members[0].n_features_in_
        if members[0]._named:
            self.feature_names_in_ = members[0].feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    # ---- Predicting ------------------------------------------------------------------------------------------------

    def _outputs(self, X: Any) -> np.ndarray:
        """The weighted mean of what members say of rows: float64 of shape (rows, classes or outputs).

        Rows are encoded once for all members that encode them alike.
        """
        check_is_fitted(self)
        owner, first = type(self).__name__, self.members_[0]
        rows = read_rows(X, owner, fewest=0)
        table = check_columns(rows, first._names, named=first._named, ignored=first._target_names, owner=owner)
        total, notes = np.zeros(()), list[str]()
        for places in self._encoded_alike:
            encoded = self.members_[places[0]].encoder_.encode(table)
            notes += encoded.notes
            for place in places:
                member = self.members_[place]
                said = member._decoded(member._said(encoded), member.target_)
                total = total + self.weights_[place] * (said if said.ndim > 1 else said[:, np.newaxis])
        for note in dict.fromkeys(notes):
            warn(note, DataWarning)
        return np.asarray(total)

    def _scored(self, X: Any, y: Any) -> tuple[Any, Any]:
        """X and y as scikit-learn's score takes them, where y is the name of a column of X."""
        check_is_fitted(self)
        return self.members_[0]._scored(X, y)

    # ---- Files -----------------------------------------------------------------------------------------------------

    def save(self, filepath: str | os.PathLike[str], *, overwrite: bool = True) -> None:
        """Write all members and their weights to one file, from which `tabgrad.load` makes the same ensemble again.

        What members have in common, such as the encoding of the table, is in it once. See :doc:`/model_file`.

        Parameters
        ----------
        filepath : str or path
            Ends in ``.tabgrad``.
        overwrite : bool, default True
            False: a file that is there already is an error.

        Raises
        ------
        NotFittedError, ArgumentError, OSError
            As of `Classifier.save`.

        Warns
        -----
        UserWarning
            Arguments of members that are no plain data, such as callbacks, are not in the file.
        """
        check_is_fitted(self)
        for member in self.members_:
            check_parameters(member)
        content, left_out = self._content()
        if left_out:
            warn(
                f"The file does not hold {', '.join(map(repr, left_out))} of members of {type(self).__name__}, which a "
                "file of plain data cannot hold. A loaded one predicts the same, and has the default in its place.",
            )
        store.write(filepath, content, overwrite=check(overwrite, "overwrite", "save", (bool,)))

    def _content(self) -> tuple[Content, list[str]]:
        return joined(self._kind, self.members_, self.weights_, self.scores_, self._residuals)

    def _to_content(self) -> Content:
        """What a model file holds of the ensemble."""
        return self._content()[0]

    @classmethod
    def _from_content(cls, content: Content) -> Self:
        """The ensemble in a model file."""
        with store.interpreted(content):
            members = [cls._member._from_content(each) for each in parted(content, cls._member._kind)]
            _check_alike(members, cls.__name__)
            weights, scores, residuals = facts_of(content, len(members), members[0].target_)
            made = cls([clone(each) for each in members], weights=weights.tolist())
            made._keep(members, weights, scores, residuals)
        return made

    # ---- What there is to look at ----------------------------------------------------------------------------------

    @property
    def target_(self) -> Any:
        """What members learn: of numbers the first one's, since each scales them as its loss wants it."""
        return self._fitted_members()[0].target_

    @property
    def table_schema_(self) -> Schema:
        """What each column is, to the first member that uses it."""
        schemas = [member.table_schema_ for member in self._fitted_members()]
        columns = zip(*(schema.columns for schema in schemas), strict=True)
        return Schema(tuple(next((each for each in same if each.used), same[0]) for same in columns))

    @property
    def notes_(self) -> tuple[str, ...]:
        """What was guessed, changed or found suspicious in the rows of the fits."""
        return tuple(dict.fromkeys(note for member in self._fitted_members() for note in member.notes_))

    @property
    def _target_names(self) -> tuple[str, ...]:
        return self.members_[0]._target_names

    @property
    def _wide(self) -> bool:
        return self.members_[0]._wide

    def _fitted_members(self) -> tuple[TableEstimator, ...]:
        """The members, for attributes that there are not before."""
        if not hasattr(self, "members_"):
            raise AttributeError(f"This {type(self).__name__} is not fitted yet.")
        return self.members_


class EnsembleClassifier(ClassifierMixin, TableEnsemble):
    """Several `Classifier` as one: the weighted mean of their probabilities.

    ::

        p(class | row) = sum of w_m p_m(class | row) over members m,      w_m >= 0,  sum of w_m = 1

    A search with ``refit="ensemble"`` makes it of its best candidates; `of` makes it of estimators that are fitted;
    `fit` fits all of them. Its file is one model file (`save`, `tabgrad.load`), and ``tabgrad predict``, `evaluate`,
    `inspect` and `report` take it.

    Parameters
    ----------
    estimators : list of Classifier
        Copies of which `fit` fits; they may differ in any setting.
    weights : list of float or None, default None
        What each counts for; only their proportions count, and those of weight 0 are left out. None: all the same.

    Attributes
    ----------
    members_ : tuple of Classifier
        Fitted.
    weights_ : array of shape (members,)
        Above 0; their sum is 1.
    classes_ : array of shape (classes,)
        Sorted labels.
    n_features_in_, feature_names_in_, table_schema_, target_, notes_
        As of `Classifier`.
    oof_prediction_ : array of shape (rows, classes)
        For each row of fit the weighted mean of the members' `oof_prediction_`, at their temperatures, of those that
        have held the row out; NaN where none has. Of an ensemble that `of` made the `oof` that it was given, if it was.
        Not in files.
    scores_ : dict of float
        Scores of `oof_prediction_`, as of `Classifier`. Where the weights were chosen by the same rows they are a
        little too good.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import Classifier
    >>> from tabgrad.estimators import EnsembleClassifier
    >>> x = np.random.default_rng(0).normal(size=(200, 2))
    >>> small, large = (Classifier((units,), preset="single", epochs=20, random_state=0) for units in (4, 32))
    >>> ensemble = EnsembleClassifier([small, large], weights=[1, 3]).fit(x, x[:, 0] > x[:, 1])
    >>> ensemble.predict([[1.0, -1.0], [-1.0, 1.0]])
    array([ True, False])
    >>> ensemble.weights_
    array([0.25, 0.75])
    """

    _kind = "ensemble_classifier"
    _member = Classifier

    def __init__(self, estimators: Sequence[Classifier], *, weights: Sequence[float] | None = None) -> None:
        self.estimators = estimators
        self.weights = weights

    @property
    def classes_(self) -> np.ndarray:
        """Sorted labels, in the type of y."""
        decoded: np.ndarray = self.target_.decode(np.arange(len(self.target_.classes)))
        return decoded

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row.

        Parameters
        ----------
        X
            As for `Classifier.predict`.

        Returns
        -------
        array of shape (rows,)
            In the type of y.
        """
        p = self._outputs(X)
        decoded: np.ndarray = self.target_.decode(p.argmax(axis=1))
        return decoded

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, in the order of `classes_`: float64 of shape (rows, classes)."""
        return self._outputs(X)

    def predict_set(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """For each row a set of classes that holds the true one with a given probability.

        By how probable true classes looked to the weighted mean, on rows that none of those who said it had seen; see
        `Classifier.predict_set`.

        Parameters
        ----------
        X : as for predict
        coverage : float, default 0.9
            In (0, 1). Of n rows held out at most ``n / (n + 1)``.

        Returns
        -------
        array of bool of shape (rows, classes)
            In the order of `classes_`. `labels_in` names them.

        Raises
        ------
        ArgumentError
            Nothing is known of rows that were held out; too few for this coverage.
        """
        check_is_fitted(self)
        sets_around(self._residuals, np.empty((0, len(self.classes_))), coverage)  # refuses before there is work
        return sets_around(self._residuals, self._outputs(X), coverage)

    def labels_in(self, sets: Any) -> list[list[Any]]:
        """The labels in each of the sets that `predict_set` gives, in the order of `classes_`."""
        return labels_in(sets, self.classes_, type(self).__name__)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: np.ndarray = np.log(self.predict_proba(X))
        return logarithms

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy on these rows, as scikit-learn's.

        Parameters
        ----------
        X, y, sample_weight
            As for fit; y may be the name of a column of X.
        """
        X, y = self._scored(X, y)
        return float(super().score(X, y, sample_weight))


class EnsembleRegressor(RegressorMixin, TableEnsemble):
    """Several `Regressor` as one: the weighted mean of their predictions, each in the target's unit.

    See `EnsembleClassifier`.

    Parameters
    ----------
    estimators : list of Regressor
        Copies of which `fit` fits. They may differ in any setting, the loss too; where it is of several quantiles, all
        must have the same.
    weights : list of float or None, default None
        What each counts for; only their proportions count, and those of weight 0 are left out. None: all the same.

    Attributes
    ----------
    members_ : tuple of Regressor
        Fitted.
    weights_ : array of shape (members,)
        Above 0; their sum is 1.
    n_features_in_, feature_names_in_, table_schema_, notes_, target_
        As of `Regressor`; `target_` is the first member's.
    oof_prediction_, scores_
        As of `EnsembleClassifier`, in the shape of predictions, and the scores of `Regressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from tabgrad import Regressor
    >>> from tabgrad.estimators import EnsembleRegressor
    >>> x = np.linspace(0, 10, 300).reshape(-1, 1)
    >>> settings = {"preset": "fast", "epochs": 40, "random_state": 0}
    >>> members = [Regressor(loss=loss, **settings).fit(x, np.sin(x.ravel())) for loss in ("mse", "huber")]
    >>> ensemble = EnsembleRegressor.of(members)
    >>> bool(np.isclose(ensemble.predict(x), (members[0].predict(x) + members[1].predict(x)) / 2).all())
    True
    """

    _kind = "ensemble_regressor"
    _member = Regressor

    def __init__(self, estimators: Sequence[Regressor], *, weights: Sequence[float] | None = None) -> None:
        self.estimators = estimators
        self.weights = weights

    def __sklearn_tags__(self) -> Tags:
        """Several outputs are possible where they are to every estimator."""
        tags = super().__sklearn_tags__()
        given = self.estimators if isinstance(self.estimators, (list, tuple)) else []
        each = [one.__sklearn_tags__().target_tags for one in given if isinstance(one, Regressor)]
        tags.target_tags.multi_output = all(one.multi_output for one in each)
        tags.target_tags.positive_only = any(one.positive_only for one in each)
        return tags

    def predict(self, X: Any) -> np.ndarray:
        """The predicted number of each row, in the target's unit.

        Parameters
        ----------
        X
            As for `Regressor.predict`.

        Returns
        -------
        array of shape (rows,) or (rows, outputs)
            float64, shaped as y was; a column for each quantile of a loss of several.
        """
        values = self._outputs(X)
        return values if values.shape[1] > 1 or self._wide else values[:, 0]

    def predict_interval(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """An interval for each row that holds its number with a given probability.

        By how far the weighted mean was off on rows that none of those who said it had seen; see
        `Regressor.predict_interval`. In an ensemble of a search these are the out-of-fold predictions of its
        candidates, trained on fewer rows than the members are, so that intervals are a little too wide; in one that
        `fit` made they are of single networks of the members, and more so.

        Parameters
        ----------
        X : as for predict
        coverage : float, default 0.9
            In (0, 1). Of n rows held out at most ``n / (n + 1)``.

        Returns
        -------
        array of shape (rows, 2) or (rows, outputs, 2)
            Lower and upper end, in the target's unit. Lower ends are not below 0 where every member's loss is of
            numbers that never are.

        Raises
        ------
        ArgumentError
            Nothing is known of rows that were held out; too few for this coverage; losses of several quantiles.
        """
        check_is_fitted(self)
        self._intervals(np.empty((0, len(self._residuals))), coverage)  # refuses before there is work
        ends = self._intervals(self._outputs(X), coverage)
        return ends if ends.shape[1] > 1 or self._wide else ends[:, 0]

    def _intervals(self, values: np.ndarray, coverage: float) -> np.ndarray:
        """The intervals around predictions of shape (rows, outputs): (rows, outputs, 2)."""
        if not self._residuals:
            raise ArgumentError(
                f"predict_interval of {type(self).__name__} needs predictions of rows that were held out, and it has "
                "none. Give 'of' the out-of-fold predictions, or fit with members=2 or more; a loss of several "
                "quantiles gives intervals by itself."
            )
        ends = intervals(self._residuals, values, coverage)
        never_below = all(positive(losses.get(each.loss or "mse")) for each in self.members_)
        return np.maximum(ends, 0) if never_below else ends

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R2, the coefficient of determination, on these rows, as scikit-learn's.

        Parameters
        ----------
        X, y, sample_weight
            As for fit; y may be the name of a column of X.
        """
        X, y = self._scored(X, y)
        return float(super().score(X, y, sample_weight))


# ---- What both are made of -------------------------------------------------------------------------------------------


def _mean(predictions: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """The weighted mean over the members that have held a row out; NaN where none has."""
    shape = max((each.shape for each in predictions), key=len)  # of one that held out none there are no outputs
    total, share = np.zeros(shape), np.zeros(shape)
    for weight, each in zip(weights, predictions, strict=True):
        if each.shape == shape:
            known = np.isfinite(each)
            total[known] += weight * each[known]
            share[known] += weight
    with np.errstate(invalid="ignore"):
        return np.asarray(total / share)


def _alike(members: Sequence[TableEstimator]) -> tuple[tuple[int, ...], ...]:
    """The places of members that encode a table alike."""
    groups: list[list[int]] = []
    for place, member in enumerate(members):
        same = (group for group in groups if members[group[0]].encoder_ == member.encoder_)
        if (group := next(same, None)) is None:
            groups.append([place])
        else:
            group.append(place)
    return tuple(map(tuple, groups))


def _check_alike(members: Sequence[TableEstimator], owner: str) -> None:
    """Refuse members that were not fitted to the same columns and the same target."""
    first, facts = members[0], _facts(members[0])
    for place, member in enumerate(members[1:], 1):
        for (name, mine), theirs in zip(facts.items(), _facts(member).values(), strict=True):
            if mine != theirs:
                raise DataError(
                    f"Members of {owner} must be fitted to the same table, and differ in {name}: {shown(mine)} in the "
                    f"first, {shown(theirs)} in number {place + 1}. Fit both {type(first).__name__} to the same rows."
                )


def _facts(member: TableEstimator) -> dict[str, Any]:
    """What must be the same of all members."""
    plan, target = member.models_[0].plan(), member.target_
    several = plan.loss.shared_target and plan.network.outputs > 1
    return {
        "columns": member._names,
        "names of columns": member._named,
        "the target's name": member._target_names,
        "the target's shape": member._wide,
        "classes": getattr(target, "classes", None),
        "the type of classes": getattr(target, "dtype", None),
        "outputs": getattr(target, "outputs", None),
        "quantiles": plan.loss.listed() if several else None,
    }


def _judged(
    member: TableEstimator, held_out: np.ndarray, y: Any, sample_weight: Any, owner: str
) -> tuple[dict[str, float], tuple[Any, ...]]:
    """Scores and residuals of predictions of rows held out, as the member would take them of its own."""
    _, truth = member._answers(member._read(y), None, None, member.target_)
    prediction = held_out.reshape(len(held_out), -1)
    if len(truth) != len(prediction):
        raise DataError(f"'oof' of {owner} must have a row for each of {len(truth)} of y. Got {len(prediction)}.")
    columns = len(member.target_.classes) if member._kind == "classifier" else member.n_outputs_
    if prediction.shape[1] != columns:
        raise DataError(f"'oof' of {owner} must have {columns} columns. Got {prediction.shape[1]}.")
    weight = row_weights(sample_weight, len(truth))
    rows = np.flatnonzero(np.isfinite(prediction).all(axis=1) & (True if weight is None else weight > 0))
    if not len(rows):
        return {}, ()
    held = Held(truth[rows], prediction[rows], None if weight is None else weight[rows])
    return member._scores_of(held), member._residuals_of(held, member.target_, None, 1.0)
