"""Check that no code compiled for a newer instruction set can be picked for an older processor.

The kernels are compiled several times, each time with other processor flags. A function of the standard library that
the compiler did not inline (std::sort, a vector's growth) is emitted as a weak symbol into every one of these objects,
and the linker keeps any one of the copies for all of them: perhaps the one with AVX-512 instructions, which then ends
the process on a processor without them. A weak symbol is therefore allowed only inside the namespace of its own
instruction set.

    python native/check_symbols.py build/dev        # every kernels_avx*.dir below it
    python native/check_symbols.py a.o b.o --isa avx2
"""

import argparse
import platform
import re
import subprocess
import sys
from pathlib import Path

WEAK = "WVu"  # nm: weak function, weak object, unique global; lower-case w and v are undefined references
SHARED = re.compile(r"DW\.ref\.")  # a pointer to a symbol, the same in every copy


def weak_symbols(path: Path) -> list[str]:
    """Demangled names of the weak symbols that an object file defines."""
    listing = subprocess.run(
        ["nm", "-C", "--defined-only", str(path)], check=True, capture_output=True, text=True
    ).stdout
    fields = (line.split(maxsplit=2) for line in listing.splitlines())
    return [name for _, kind, name in fields if kind in WEAK and not SHARED.match(name)]


def find_objects(folder: Path) -> list[tuple[Path, str]]:
    """Objects below a build folder that need a newer processor, each with its instruction set."""
    return [
        (path, match[1])
        for path in sorted(folder.rglob("*.o"))
        if (match := re.search(r"/kernels_(avx\w+)\.dir/", path.as_posix()))
    ]


def main() -> int:
    """Print what leaks and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path, help="a build folder, or object files with --isa")
    parser.add_argument("--isa", help="instruction set of the object files named")
    arguments = parser.parse_args()

    if arguments.isa:
        objects = [(path, arguments.isa) for path in arguments.paths]
    else:
        objects = [found for path in arguments.paths for found in find_objects(path)]
    if not objects and platform.machine().lower() in {"x86_64", "amd64"}:
        print(f"check_symbols: no kernels_avx*.dir/**/*.o below {', '.join(map(str, arguments.paths))}; build first")
        return 1

    leaks = [(path, isa, name) for path, isa in objects for name in weak_symbols(path) if f"{isa}::" not in name]
    for path, isa, name in leaks:
        print(f"{path}: weak symbol outside {isa}::  {name}")
    if leaks:
        print(f"check_symbols: {len(leaks)} symbols that the linker may share between instruction sets; see --help")
        return 1
    print(f"check_symbols: {len(objects)} objects, no shared code")
    return 0


if __name__ == "__main__":
    sys.exit(main())
