"""The project itself: what an import loads, and that examples, data and README keep what they promise."""

import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import tabgrad

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
HEAVY = {
    "jax",
    "joblib",
    "keras",
    "matplotlib",
    "pandas",
    "polars",
    "pyarrow",
    "safetensors",
    "scipy",
    "sklearn",
    "torch",
}


def test_public_names_are_sorted_and_there():
    assert list(tabgrad.__all__) == sorted(tabgrad.__all__)
    missing = [name for name in tabgrad.__all__ if not hasattr(tabgrad, name)]
    assert missing == []


def test_version_is_the_installed_one():
    assert tabgrad.__version__ == importlib.metadata.version("tabgrad")


@pytest.mark.parametrize("module", ["tabgrad", "tabgrad.layers", "tabgrad.models"])
def test_import_loads_nothing_heavy(module):
    program = f"import sys, {module}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert loaded.stdout.split() == []


def run_example(name, folder):
    """Output of an example, started from a folder of its own; each has a minute and no reason to warn."""
    finished = subprocess.run(
        [sys.executable, EXAMPLES / name], check=False, capture_output=True, text=True, cwd=folder, timeout=60
    )
    assert finished.returncode == 0, finished.stderr
    assert "Warning" not in finished.stderr
    return finished.stdout


def number(pattern, output):
    """Return the numbers of the one line that a pattern describes."""
    match = re.search(pattern, output, re.MULTILINE)
    assert match, f"{pattern!r} is not in the output:\n{output}"
    return [float(group) for group in match.groups()]


@pytest.mark.timing
def test_example_linear_regression_reaches_least_squares(tmp_path):
    output = run_example("01_linear_regression.py", tmp_path)
    network, exact = number(r"^test squared error +([\d.]+) +([\d.]+)$", output)
    assert network == pytest.approx(exact, rel=0.05)


@pytest.mark.timing
def test_example_classification_tells_the_beans_apart(tmp_path):
    output = run_example("02_classification.py", tmp_path)
    (accuracy,) = number(r"^ +accuracy +([\d.]+) +2723$", output)
    assert accuracy >= 0.91


@pytest.mark.timing
def test_example_grid_search_improves_on_its_worst(tmp_path):
    output = run_example("03_grid_search.py", tmp_path)
    scores = [float(score) for score in re.findall(r"^(0\.\d+) ± ", output, re.MULTILINE)]
    assert len(scores) == 12
    assert scores == sorted(scores, reverse=True)
    (accuracy,) = number(r"^test accuracy ([\d.]+)$", output)
    assert accuracy >= 0.91


def test_every_example_has_a_test():
    tested = set(re.findall(r'run_example\("(\w+\.py)"', Path(__file__).read_text(encoding="utf-8")))
    assert {path.name for path in EXAMPLES.glob("[0-9]*.py")} == tested


def test_every_table_has_a_licence():
    notes = (EXAMPLES / "data" / "LICENSES.md").read_text(encoding="utf-8")
    tables = {path.name for path in (EXAMPLES / "data").iterdir()} - {"LICENSES.md"}
    assert set(re.findall(r"^## (.+)$", notes, re.MULTILINE)) == tables


def listing():
    """The program that takes the README's list of parts from the code."""
    spec = importlib.util.spec_from_file_location("parts", ROOT / "docs" / "parts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_readme_lists_the_parts_that_there_are():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert listing().renewed(readme) == readme, "README.md's list of parts lags behind the code: make readme"


def test_every_module_of_parts_is_listed():
    modules = {name for name in tabgrad.__all__ if isinstance(getattr(tabgrad, name), type(sys))}
    assert modules <= set(listing().MODULES)


def test_readme_blocks_run_as_doctests():
    # --doctest-glob runs what stands after >>> alone, and takes a closing fence for expected output
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:python|pycon)\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        assert block.startswith(">>> "), block
        assert block.endswith("\n\n"), f"no blank line before the closing fence:\n{block}"


def test_every_fault_has_its_place():
    faults = tomllib.loads((ROOT / "tests" / "faults.toml").read_text())["fault"]
    assert len(faults) >= 30
    edits = [edit for fault in faults for edit in fault["edit"]]
    assert [edit for edit in edits if (ROOT / edit["file"]).read_text().count(edit["sound"]) != 1] == []
    assert [edit for edit in edits if edit["sound"] == edit["faulty"]] == []


@pytest.mark.skipif(not (shutil.which("c++") and shutil.which("nm")), reason="needs a compiler and nm")
@pytest.mark.parametrize(("namespace", "status"), [("tabgrad::avx2", 0), ("tabgrad", 1)])
def test_check_symbols_finds_code_that_instruction_sets_would_share(tmp_path, namespace, status):
    source = tmp_path / "kernels.cpp"
    source.write_text(
        f"namespace {namespace} {{ inline int shared(int x) {{ return x; }} }}\n"
        f"int (*use())(int) {{ return {namespace}::shared; }}\n",
        encoding="utf-8",
    )
    target = tmp_path / "kernels.o"
    subprocess.run(["c++", "-c", source, "-o", target], check=True)
    checked = subprocess.run(
        [sys.executable, ROOT / "native" / "check_symbols.py", target, "--isa", "avx2"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == status, checked.stdout
    assert ("tabgrad::shared(int)" in checked.stdout) == bool(status)
