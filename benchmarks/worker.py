"""One measurement in a process of its own: worker.py SYSTEM TASK ARGUMENTS-IN-JSON RESULT-FILE."""

import importlib
import json
import sys
from pathlib import Path

if __name__ == "__main__":
    system, task, arguments, result = sys.argv[1:]
    measure = getattr(importlib.import_module(f"systems.{system}"), task)
    Path(result).write_text(json.dumps(measure(**json.loads(arguments))))
