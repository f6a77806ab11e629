"""`benchmarks/ablations.py`: a change changes one part, effects are what they are by hand, a small run to its end."""

import json
import math

import ablations
import numpy as np
import pandas as pd
import pytest
from contest import changes, runs
from contest.changes import Change, every_change, made
from contest.runs import Run, Trial

import tabgrad
from tabgrad.estimators import _beginning
from tabgrad.estimators._presets import PRESETS

FAST = PRESETS["fast"]


def run(table, loss, seed=0, cpu_s=1.0, change="nothing"):
    return Run(Trial(table, change, seed), {"nrmse": loss, "cpu_s": cpu_s})


class TestChanges:
    @pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
    def test_the_preset_comes_first_and_each_change_differs_from_it_and_from_the_others(self, preset):
        first, *others = every_change(preset)
        assert not first.changes(preset)
        assert all(change.changes(preset) for change in others)
        told = [change.what for change in (first, *others)]
        settings = [json.dumps(change.settings(preset), sort_keys=True) for change in (first, *others)]
        assert len(set(told)) == len(set(settings)) == len(told)

    def test_one_part_changes(self):
        before = Change("nothing").settings(FAST)
        for change in every_change(FAST)[1:]:
            after = change.settings(FAST)
            differing = {name for name in before if before[name] != after[name]}
            widths = {"piecewise_width", "periodic_width"} if "numeric_embedding" in differing else set()
            assert len(differing - widths) == 1, change.what

    def test_one_kind_of_vectors_is_as_wide_as_both(self):
        both = sum(FAST.widths_for(10))
        alone = [change.of(FAST).widths_for(10) for change in every_change(FAST) if "vectors alone" in change.what]
        assert sorted(alone) == [(0, both), (both, 0)]

    def test_a_fit_sees_the_change_and_the_next_one_does_not(self, monkeypatch):
        x = np.random.default_rng(0).normal(size=80)
        seen = []
        monkeypatch.setattr(changes, "quantile_knots", lambda z, most: seen.append(most) or (0.0, 1.0))
        change = Change("both", {"members": ((0, 3),), "knots": 5}, {"epochs": 2}, changes.quantile_knots)
        before = _beginning.mass_knots
        with made(change, "fast") as arguments:
            assert arguments == {"preset": "fast", "epochs": 2}
            regressor = tabgrad.Regressor(random_state=0, **arguments).fit(x[:, None], np.abs(x))
        assert (len(regressor.models_), regressor.n_iter_, seen) == (3, 2, [5])
        assert (PRESETS["fast"], _beginning.mass_knots) == (FAST, before)

    def test_plain_quantiles_waste_knots_on_a_number_that_many_rows_share(self):
        z = np.concatenate([np.zeros(60), np.arange(1, 41)])
        assert changes.quantile_knots(z, 10) == (0.0, *(np.quantile(z, [0.6, 0.7, 0.8, 0.9, 1]).astype(np.float32)))
        assert changes.quantile_knots(np.full(9, 2.0), 10) == (1.5, 2.5)


class TestEffects:
    PLAIN = (run("a", 1.0), run("a", 2.0, seed=1), run("b", 4.0), run("c", 1.0))

    def test_seeds_are_compared_pair_by_pair_and_tables_count_alike(self):
        changed = [run("a", 1.0 * math.e, cpu_s=3.0), run("a", 2.0, seed=1), run("b", 4.0 * math.e**-0.1)]
        found = changes.effect("it", changed, self.PLAIN)
        assert found.log_ratios == pytest.approx({"a": 0.5, "b": -0.1})
        assert found.mean == pytest.approx(0.2)
        assert found.error == pytest.approx(np.std([0.5, -0.1], ddof=1) / np.sqrt(2))
        assert (found.worse, found.extremes) == (1, ("b", "a"))
        assert found.cpu_ratio == pytest.approx(5 / 3)
        assert [cell.strip() for cell in changes.as_table([found]).splitlines()[2].split("|")[1:-1]] == [
            *("it", "+20.0 % ± 30.0", "+20.0 %", "1 of 2", "b -10.0 %", "a +50.0 %", "1.67x")
        ]

    def test_the_median_is_not_moved_by_one_table(self):
        plain = [run(table, 1.0) for table in "abc"]
        found = changes.effect("it", [run("a", 0.9), run("b", 1.1), run("c", 50.0)], plain)
        assert found.median == pytest.approx(math.log(1.1))

    def test_what_has_no_pair_has_no_effect(self):
        failed = Run(Trial("a", "it", 0), {"failed": "MemoryError"})
        assert changes.effect("it", [failed, run("b", 1.0, seed=5)], self.PLAIN) is None

    def test_noise_is_the_spread_of_means_of_draws_that_differ_by_their_seeds_alone(self):
        random = np.random.default_rng(0)
        spread = {"a": 0.1, "b": 0.3}

        def draws(first):
            return [
                run(table, math.exp(random.normal(0, deviation)), seed=first + seed)
                for table, deviation in spread.items()
                for seed in range(3)
            ]

        expected = math.sqrt(2 * (0.1**2 + 0.3**2) / 3) / 2
        told = [changes.noise(draws(0)) ** 2 for _ in range(400)]
        assert math.sqrt(np.mean(told)) == pytest.approx(expected, rel=0.1)
        differences = [changes.effect("it", draws(0), draws(0)).mean for _ in range(400)]
        assert np.std(differences) == pytest.approx(expected, rel=0.1)
        assert math.isnan(changes.noise([run("a", 1.0)]))


def test_a_small_run_to_its_end_and_again(tmp_path, capsys):
    def told(*options):
        assert ablations.main([*map(str, options), "--preset", "single", "--seeds", "3", "--out", str(record)]) == 0
        return capsys.readouterr()

    x = np.random.default_rng(0).normal(size=40)
    pd.DataFrame({"x": x, "y": x**2}).to_csv(tmp_path / "small.csv", index=False)
    (tmp_path / "suite.py").write_text('S = {"small": ("y", "regression", []), "absent": ("y", "regression", [])}')
    record, options = tmp_path / "record.jsonl", ["--tables", tmp_path, "--suite", tmp_path / "suite.py"]
    first = told(*options)
    assert "absent" in first.err
    every, lines = every_change(PRESETS["single"]), runs.read(record)
    assert [each.trial for each in lines] == [Trial("small", change.what, 3) for change in every]
    assert not any(each.failed for each in lines)
    assert len({each.loss for each in lines}) > len(lines) / 2
    assert first.out.count("| 0 of 1 ") + first.out.count("| 1 of 1 ") == len(every) - 1
    stale, *kept = map(json.loads, record.read_text().splitlines())
    stale["settings"]["epochs"] += 1
    record.write_text("".join(f"{json.dumps(line)}\n" for line in [stale, *kept]))
    again = told(*options)
    assert again.err.count("seed 3") == again.err.count("seed 3, nothing: ") == 1
    assert told(*options, "--show").out == again.out


def test_unknown_tables_are_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        ablations.main(["--only", "beans"])
    assert "--only knows covertype_42k, dry_bean, " in capsys.readouterr().err
