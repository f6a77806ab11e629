"""A search that is killed goes on to the same results; `kills.py` has the whole of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(600)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_search_goes_on_to_the_same_results() -> None:
    script = Path(__file__).with_name("kills.py")
    done = subprocess.run([sys.executable, script, "20"], check=False, capture_output=True, text=True, timeout=580)
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"20 kills, (\d+) of them before the end", done.stdout)
    assert found is not None
    assert int(found[1]) >= 5
