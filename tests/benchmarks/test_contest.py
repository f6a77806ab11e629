"""The contest of `benchmarks/accuracy.py`: what it makes of runs and of tables, and a small one from end to end."""

import json
import math
import subprocess
import sys
from pathlib import Path

import accuracy
import numpy as np
import pandas as pd
import pytest
from contest import bars, ranking, report, runs, scores, systems, tables
from contest.runs import Run, Trial
from contest.tables import CLASSIFICATION, REGRESSION, Table
from record import write_between
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).resolve().parent.parent.parent
BEST, FAST = "tabgrad best", "tabgrad fast"


def run(table, system, loss=1.0, seed=0, threads=1, cpu_s=1.0, **figures):
    """A run whose loss is that of numbers."""
    shape = {"rows": 80, "columns": 3, "cpu_s": cpu_s}
    return Run(Trial(table, system, seed, threads=threads), shape | {"nrmse": loss} | figures)


def failure(table, system, seed=0):
    return Run(Trial(table, system, seed), {"failed": "MemoryError"})


THREE = [
    *(run("a", BEST, loss, seed) for seed, loss in enumerate([1.0, 3.0])),
    run("a", "lgbm", 4.0, cpu_s=5.0),
    run("a", "catboost", 2.0),
    run("b", BEST, 1.0, cpu_s=3.0),
    run("b", "lgbm", 0.5, cpu_s=1.0),
    run("b", "catboost", 1.5),
    run("c", BEST, 7.0),
    failure("c", "lgbm"),
    run("c", "catboost", 8.0),
]


class TestRanking:
    def test_means_are_taken_over_the_seeds_that_came_to_a_score(self):
        losses = ranking.means([*THREE, failure("a", BEST, seed=2)])
        assert losses == {
            "a": {BEST: 2.0, "lgbm": 4.0, "catboost": 2.0},
            "b": {BEST: 1.0, "lgbm": 0.5, "catboost": 1.5},
            "c": {BEST: 7.0, "catboost": 8.0},
        }

    def test_equals_share_the_mean_of_their_ranks_and_gaps_take_a_table_out(self):
        losses = ranking.means(THREE)
        assert ranking.mean_ranks(losses, [BEST, "lgbm", "catboost"]) == {BEST: 1.75, "lgbm": 2.0, "catboost": 2.25}
        assert ranking.mean_ranks(losses, [BEST, "catboost"]) == pytest.approx({BEST: 3.5 / 3, "catboost": 5.5 / 3})
        assert ranking.mean_ranks(losses, [BEST, "xgb"]) == {}

    def test_firsts_are_counted_where_all_have_finished(self):
        assert ranking.firsts(ranking.means(THREE), [BEST, "lgbm"]) == {BEST: 1, "lgbm": 1}

    def test_a_comparison_has_the_logarithms_of_ratios_on_shared_tables(self):
        found = ranking.compare(THREE, BEST, "lgbm")
        assert found.log_ratios == pytest.approx({"a": math.log(2 / 4), "b": math.log(1 / 0.5)})
        assert found.mean == pytest.approx(0)
        assert found.median == pytest.approx(1)
        assert found.wins == 1
        assert found.worst == ("b", pytest.approx(2.0))
        assert found.cpu_ratio == pytest.approx((1 + 3) / (5 + 1))

    def test_there_is_no_comparison_without_a_shared_table(self):
        assert ranking.compare(THREE, BEST, "xgb") is None

    def test_a_loss_of_zero_has_a_ratio(self):
        assert ranking.compare([run("a", "x", 0.0), run("a", "y", 0.0)], "x", "y").mean == 0

    def test_defeats_begin_with_the_farthest_behind(self):
        more = [*THREE, run("d", BEST, 1.0), run("d", "lgbm", 0.9), run("d", "catboost", 0.1)]
        found = ranking.defeats(more, BEST, ["lgbm", "catboost"])
        assert [(each.table, each.theirs) for each in found] == [("d", "catboost"), ("b", "lgbm")]
        assert (found[1].their_loss, found[1].our_loss) == (0.5, 1.0)


class TestRecord:
    def test_what_was_written_is_read(self, tmp_path):
        path = tmp_path / "new" / "record.jsonl"
        for each in THREE:
            runs.append(path, each)
        assert runs.read(path) == THREE

    def test_a_record_that_is_not_there_holds_no_run(self, tmp_path):
        assert runs.read(tmp_path / "record.jsonl") == []

    def test_the_later_of_two_runs_counts(self, tmp_path):
        path = tmp_path / "record.jsonl"
        for each in (failure("a", BEST), run("a", BEST, 2.0)):
            runs.append(path, each)
        assert runs.read(path) == [run("a", BEST, 2.0)]

    def test_names_of_other_records_are_understood(self, tmp_path):
        path = tmp_path / "record.jsonl"
        path.write_text('{"data": "a", "peer": "realmlp", "seed": 0, "n": 9, "d": 2, "logloss": 0.5, "error": 0.1}\n')
        (found,) = runs.read(path, elsewhere=True)
        assert found.trial == Trial("a", "realmlp", 0)
        assert (found.figures["rows"], found.figures["columns"], found.loss, found.elsewhere) == (9, 2, 0.5, True)

    @pytest.mark.parametrize("line", ["{", "[]", '{"table": "a", "seed": 0}'])
    def test_a_line_that_is_no_run_is_named(self, tmp_path, line):
        path = tmp_path / "record.jsonl"
        path.write_text('{"table": "a", "system": "lgbm", "seed": 0}\n' + line)
        with pytest.raises(ValueError, match=r"record\.jsonl, line 2: expected an object with table, system and seed"):
            runs.read(path)

    def test_what_failed_or_was_asked_for_twice_is_run_once(self):
        done, broken, new = Trial("a", BEST, 0), Trial("c", "lgbm", 0), Trial("a", BEST, 0, threads=2)
        assert runs.missing([done, new, broken, new], THREE) == [new, broken]

    def test_baselines_fill_in_what_was_not_run_here(self):
        others = [run("a", "realmlp"), run("c", "lgbm", 9.0), run("a", "lgbm", 9.0), run("elsewhere", "realmlp")]
        assert runs.with_baselines(THREE, others) == [*THREE, *others[:2]]


class TestTables:
    def test_a_suite_is_read_from_the_literals_of_a_file(self, tmp_path):
        path = tmp_path / "suites.py"
        path.write_text(
            '"""Two."""\nraise SystemExit\n'
            'ONE = {"a": ("y", "regression", ["id"])}\nTWO = {"b": ("z", "classification", [])}\n'
        )
        one, two = Table("a", "y", REGRESSION, ("id",)), Table("b", "z", CLASSIFICATION)
        assert tables.suite(f"{path}:ONE") == (one,)
        assert tables.suite(str(path)) == (one, two)
        with pytest.raises(ValueError, match="must hold THREE = "):
            tables.suite(f"{path}:THREE")

    def test_a_table_survives_the_way_to_another_process(self):
        table = Table("a", "y", REGRESSION, ("id",))
        assert Table.from_json(json.loads(json.dumps(table.as_json()))) == table

    def test_the_first_folder_that_has_a_table_gives_it(self, tmp_path):
        table, folders = Table("a", "y", REGRESSION), [tmp_path / "empty", tmp_path]
        assert tables.find(table, folders) is None
        (tmp_path / "a.csv").touch()
        assert tables.find(table, folders) == tmp_path / "a.csv"

    def test_words_for_missing_are_levels_and_empty_fields_are_missing(self, tmp_path):
        frame = pd.DataFrame({"id": range(40), "word": ["None", "NA", None, "x"] * 10, "y": ["no", "yes"] * 20})
        frame.loc[0, "y"] = None
        frame.to_csv(tmp_path / "a.csv", index=False)
        split = tables.split(Table("a", "y", CLASSIFICATION, ("id",)), tmp_path / "a.csv", seed=0, most=20)
        assert list(split.X) == ["word"]
        assert (len(split.X), len(split.X_test)) == (20, 8)
        assert set(split.X["word"].dropna()) == {"None", "NA", "x"}
        assert split.X["word"].isna().any()
        assert set(split.y) == {0, 1}

    def test_rows_are_those_of_a_stratified_split_up_to_the_most(self, tmp_path):
        y = np.array([0] * 60 + [1] * 40)
        pd.DataFrame({"x": np.arange(100.0), "y": np.where(y, "b", "a")}).to_csv(tmp_path / "a.csv", index=False)
        split = tables.split(Table("a", "y", CLASSIFICATION), tmp_path / "a.csv", seed=3, most=50)
        expected, test = train_test_split(np.arange(100), test_size=0.2, random_state=3, stratify=y)
        assert split.X["x"].tolist() == expected[:50].tolist()
        assert split.X_test["x"].tolist() == test.tolist()
        assert split.y_test.tolist() == y[test].tolist()

    def test_the_public_tables_that_the_project_ships_have_their_targets(self):
        shipped = [
            (table, path) for table in tables.PUBLIC if (path := tables.find(table, [ROOT / "examples" / "data"]))
        ]
        assert {table.name for table, _ in shipped} == {"dry_bean", "concrete"}
        for table, path in shipped:
            assert table.target in pd.read_csv(path, nrows=1)

    def test_the_drawn_table_has_its_shape(self):
        split = tables.million(rows=500, test=100)
        assert (split.X.shape, split.X_test.shape, sorted(set(split.y))) == ((500, 20), (100, 20), [0, 1, 2])
        assert tables.words(split.X) == [f"word_{place}" for place in range(4)]


class TestScores:
    def test_calibration_error_by_hand(self):
        probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.45, 0.55]])
        found = scores.calibration_error(probabilities, np.array([0, 1, 1, 1]))
        assert found == pytest.approx((abs(1 - 1.8) + abs(1 - 0.6) + abs(1 - 0.55)) / 4)

    def test_a_probability_of_one_has_a_bin(self):
        assert scores.calibration_error(np.eye(2), np.array([0, 1])) == 0

    @pytest.mark.parametrize("classes", [2, 3])
    def test_probabilities_are_judged_as_by_scikit_learn(self, classes):
        random = np.random.default_rng(0)
        p, labels = random.dirichlet(np.ones(classes), 200), random.integers(0, classes, 200)
        found = scores.of_probabilities(p, labels)
        assert found["logloss"] == pytest.approx(log_loss(labels, p))
        assert found["error"] == np.mean(p.argmax(axis=1) != labels)
        assert found["auc"] == pytest.approx(roc_auc_score(labels, p[:, 1] if classes == 2 else p, multi_class="ovr"))

    def test_a_class_that_training_lacked_has_no_probability(self):
        class Fitted:
            classes_ = np.array([0, 2])

            def predict_proba(self, X):
                return np.array([[0.8, 0.2], [0.3, 0.7]])

        found = scores.judge(Fitted(), pd.DataFrame({"x": [1, 2]}), pd.Series([0, 2]), classes=3)
        assert found["logloss"] == pytest.approx(-np.mean(np.log([0.8, 0.7])), abs=1e-6)
        assert "auc" not in found

    def test_values_are_judged_in_deviations_of_the_target(self):
        y = np.array([1.0, 2.0, 3.0, 6.0])
        found = scores.of_values(y + 2, y)
        assert found["rmse"] == pytest.approx(2)
        assert found["nrmse"] == pytest.approx(2 / pd.Series(y).std())

    def test_intervals_are_judged_where_there_are_some(self):
        class Fitted:
            def predict(self, X):
                return np.zeros(len(X))

            def predict_interval(self, X, coverage):
                return np.tile([-1.0, 10 * coverage], (len(X), 1))

        y = pd.Series([-2.0, -1.0, 9.0, 9.5])
        found = scores.judge(Fitted(), pd.DataFrame({"x": y}), y, classes=0)
        assert found["coverage"] == 0.5
        assert found["interval_width"] == pytest.approx(10 / y.std())


class TestSystems:
    def test_missing_words_and_numbers_are_filled_from_training(self):
        setting = systems.Setting(False, ("x",), ("word",), 0, 1)
        X = pd.DataFrame({"x": [1.0, 2.0, 9.0, None], "word": ["a", None, "b", "a"]})
        seen = []

        class Estimator:
            def fit(self, X, y):
                seen.append(X)

            def predict(self, X):
                seen.append(X)

        filled = systems.Filled(Estimator(), setting, medians=True).fit(X, pd.Series([0.0] * 4))
        filled.predict(pd.DataFrame({"x": [None], "word": [None]}))
        assert seen[0]["x"].tolist() == [1, 2, 9, 2]
        assert seen[0]["word"].tolist() == ["a", "nan", "b", "a"]
        assert (seen[1]["x"].tolist(), seen[1]["word"].tolist()) == ([2], ["nan"])

    @pytest.mark.parametrize("name", ["hist_gradient_boosting", "sklearn_mlp"])
    @pytest.mark.parametrize("classifies", [True, False])
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_peers_of_scikit_learn_take_a_mixed_table(self, name, classifies):
        random = np.random.default_rng(0)
        X = pd.DataFrame({"x": random.normal(size=90), "word": random.choice(["a", "b"], 90)})
        X.loc[3] = [np.nan, None]
        y = pd.Series(random.integers(0, 2, 90) if classifies else random.normal(size=90))
        setting = systems.Setting(classifies, ("x",), ("word",), 0, 1)
        fitted = systems.make(name, setting, {}, quick=True).fit(X, y)
        found = scores.judge(fitted, X, y, classes=2 if classifies else 0)
        assert np.isfinite(found["logloss" if classifies else "nrmse"])

    def test_the_seed_reaches_the_peer(self):
        made = [
            systems.make("hist_gradient_boosting", systems.Setting(False, ("x",), (), seed, 1), {}) for seed in (0, 7)
        ]
        found = [each.estimator.steps[-1][1] for each in made]
        assert all(isinstance(each, HistGradientBoostingRegressor) for each in found)
        assert [each.random_state for each in found] == [0, 7]

    def test_arguments_reach_ours(self):
        made = systems.make("tabgrad x", systems.Setting(True, ("x",), (), 5, 2), {"dropout": 0.25})
        assert (made.dropout, made.random_state, made.n_jobs) == (0.25, 5, 2)

    def test_every_peer_has_advice(self):
        for peer in systems.PEERS.values():
            assert peer.package in peer.advice
            assert peer.title in peer.advice


def cells(table):
    """A table of Markdown as lists of cells, its headings first."""
    lines = [line for line in table.splitlines() if line.startswith("|") and not line.startswith("|-")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


class TestReport:
    def test_the_least_loss_of_a_table_is_in_bold_and_gaps_are_empty(self):
        table = cells(report.tables(THREE, [BEST, "lgbm", "catboost"]))
        assert table[0] == ["table", "training rows, loss", BEST, "LightGBM", "CatBoost"]
        assert table[1][1:] == ["80 x 3, RMSE / deviation", "**2.0000** (1 s)", "4.0000 (5 s)", "**2.0000** (1 s)"]
        assert table[3][2:] == ["**7.0000** (1 s)", "", "8.0000 (1 s)"]

    def test_standings_begin_with_the_best_rank(self):
        table = cells(report.standings(THREE, ["lgbm", BEST, "catboost"]))
        assert table[1] == [BEST, "1.75", "1", "4.0 s", ""]
        assert [line[0] for line in table[2:]] == ["LightGBM", "CatBoost"]

    def test_comparisons_are_of_ours_with_all(self):
        table = cells(report.comparisons(THREE, [BEST, "lgbm", "catboost"]))
        assert table[1] == [f"{BEST} against LightGBM", "+0.0 %", "1.000", "1 of 2", "b: 2x", "0.667x"]
        assert [line[0] for line in table[2:]] == [f"{BEST} against CatBoost"]

    def test_it_is_said_where_boosting_wins(self):
        text = report.where_boosting_wins(THREE, BEST)
        assert text.startswith(f"The best of the boosted trees has less loss than {BEST} on 1 of 3 tables:")
        assert cells(text)[1] == ["b", "LightGBM 0.5000", "1.0000", "2x"]
        alone = [each for each in THREE if each.trial.table == "c"]
        assert (
            report.where_boosting_wins(alone, BEST)
            == f"On none of these 1 tables is a boosted tree better than {BEST}."
        )

    def test_it_is_said_what_failed_and_what_is_from_elsewhere(self):
        other = Run(Trial("a", "realmlp", 0), {"nrmse": 1.0}, elsewhere=True)
        text = report.how([*THREE, other])
        assert "From another record" in text
        assert "another machine's seconds: RealMLP-TD on 1 table." in text
        assert "the seeds 0, 1 of" in text
        assert "on 1 thread," in text
        assert "Failed: LightGBM on c." in text

    def test_a_page_keeps_what_is_around_its_markers(self, tmp_path):
        page = tmp_path / "page.md"
        page.write_text("before\n<!-- x -->\nold\n<!-- /x -->\nafter\n")
        write_between(page, "<!-- x -->", "<!-- /x -->", "new")
        assert page.read_text() == "before\n<!-- x -->\n\nnew\n\n<!-- /x -->\nafter\n"
        with pytest.raises(SystemExit, match="must hold the lines <!-- y -->"):
            write_between(page, "<!-- y -->", "<!-- /y -->", "new")


class TestBars:
    def verdicts(self, *given, alongside=()):
        return {row.what: (row.measured, row.verdict) for row in bars.bars(given, alongside)}

    def test_without_runs_nothing_is_judged(self):
        assert set(self.verdicts().values()) == {("not measured", "")}

    @pytest.mark.parametrize(("loss", "verdict"), [(0.90, "holds"), (0.91, "MISSED")])
    def test_a_mean_log_ratio_must_reach_its_bar(self, loss, verdict):
        found = self.verdicts(run("a", BEST, loss), run("a", "lgbm", 1.0))
        assert found[f"{BEST} against LightGBM: mean log-ratio of the losses"][1] == verdict

    @pytest.mark.parametrize(("seconds", "verdict"), [(6.0, "holds"), (6.1, "MISSED")])
    def test_processor_time_must_stay_below_its_bar(self, seconds, verdict):
        found = self.verdicts(run("a", BEST, cpu_s=seconds), run("a", "catboost", cpu_s=10.0))
        assert found[f"{BEST}: CPU time of all fits over CatBoost's"][1] == verdict

    def test_one_table_far_behind_is_enough(self):
        given = [run("a", BEST, 0.5), run("a", "catboost", 1.0), run("b", BEST, 1.06), run("b", "catboost", 1.0)]
        found = self.verdicts(*given)
        assert found[f"{BEST} against CatBoost: loss over loss where it is worst (b)"] == ("1.06x", "MISSED")

    def test_coverage_may_be_too_high(self):
        what = f"{BEST}: rows that 90 % intervals hold, mean of the tables"
        assert self.verdicts(run("a", BEST, coverage=0.9))[what] == ("0.900", "holds")
        assert self.verdicts(run("a", BEST, coverage=0.95))[what] == ("0.950", "MISSED")

    def test_calibration_is_compared_over_the_tables(self):
        given = [run("a", BEST, calibration_error=0.03), run("a", "catboost", calibration_error=0.02)]
        assert self.verdicts(*given)[f"{BEST}: calibration error, mean of the tables, over CatBoost's"] == (
            "1.5x",
            "MISSED",
        )

    def test_a_second_core_is_judged_by_the_least_times(self):
        times = [(1, 4.0), (1, 5.0), (2, 2.0), (2, 3.0)]  # (threads, seconds)
        given = [run("a", BEST, seed=n, threads=threads, fit_s=wall, load=n) for n, (threads, wall) in enumerate(times)]
        found = self.verdicts(alongside=given)
        assert found[f"{BEST} on a: one core's wall time over two cores' (load 3.0)"] == ("2x", "holds")

    def test_a_million_rows_have_a_bar_for_time_and_for_memory(self):
        found = self.verdicts(alongside=[run(tables.MILLION.name, FAST, threads=2, fit_s=200.0, memory_mb=3000)])
        what = f"{FAST}, a million rows x 20 columns: "
        assert found[f"{what}wall time on 2 threads"] == ("200 s", "MISSED")
        assert found[f"{what}peak memory of the process"] == ("3000 MB", "holds")


def program(*options):
    """Run the program in a process of its own; its exit must be clean."""
    command = [sys.executable, ROOT / "benchmarks" / "accuracy.py", *options]
    finished = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout, finished.stderr


@pytest.fixture
def within(monkeypatch, capsys):
    """Run the program in this process, which has loaded what it needs."""

    def ran(*options, code=0):
        monkeypatch.setattr(sys, "argv", ["accuracy.py", *map(str, options)])
        try:
            ended = accuracy.main()
        except SystemExit as error:
            ended = error.code
        told = capsys.readouterr()
        assert ended == code, told.err
        return told

    return ran


def test_a_small_contest_from_end_to_end(tmp_path, within):
    random = np.random.default_rng(0)
    x = random.normal(size=200)
    frame = pd.DataFrame({"x": x, "word": random.choice(["a", "b"], 200), "y": x + 0.1 * random.normal(size=200)})
    frame.to_csv(tmp_path / "small.csv", index=False)
    (tmp_path / "suite.py").write_text('S = {"small": ("y", "regression", []), "absent": ("y", "regression", [])}')
    record = tmp_path / "record.jsonl"
    options = ["--tables", tmp_path, "--suite", tmp_path / "suite.py", "--seeds", "3", "--out", record]
    options += ["--presets", "", "--variant", 'plain={"epochs": 20}', "--peers", "hist_gradient_boosting"]
    shown_first, said = program(*options)
    assert "absent" in said
    assert "[2/2] HistGradientBoosting on small, seed 3: " in said
    ours, theirs = runs.read(record)
    assert (ours.trial, theirs.trial.system) == (Trial("small", "tabgrad plain", 3), "hist_gradient_boosting")
    for each in (ours, theirs):
        assert (each.figures["rows"], each.figures["columns"], each.figures["task"]) == (160, 2, REGRESSION)
        assert 0 < each.loss < 1
        assert each.figures["memory_mb"] > 20
        assert {"fit_s", "predict_s", "cpu_s", "machine", "commit", "versions"} <= set(each.figures)
    assert ours.figures["arguments"] == {"epochs": 20}
    before = record.read_text()
    again = within(*options)
    assert record.read_text() == before
    assert again.out == shown_first
    assert cells(shown_first)[1][0] == "small"
    alone = within(*options[:-2], "--peers", "")
    assert cells(alone.out)[0] == ["table", "training rows, loss", "tabgrad plain"]
    shown = within("--show", *options[:-4], "--presets", "", "--peers", "")
    assert cells(shown.out)[0] == cells(shown_first)[0]


def test_unknown_names_are_refused(within):
    refused = within("--peers", "lightgbm", code=2)
    assert "--peers knows lgbm, xgb, " in refused.err
    assert "Got lightgbm." in refused.err
