# SPDX-License-Identifier: Apache-2.0
"""What the built libraries offer and need, as text: exports, imports, constants, and libabigail's dump.

The files in abi/ are this text as it was agreed on; test_abi.py compares. As a program: `abi.py` says what differs,
`abi.py --update` writes the files anew. SESSILE_BUILD names the build folder.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from cheader import TREE

DUMP = TREE / "abi" / "libsessile.abi"
IMPORTS = TREE / "abi" / "imports.txt"
CONSTANTS = TREE / "abi" / "constants.txt"

# Weak references that the compiler's start files leave in every shared library.
START_FILES = {"_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable", "__cxa_finalize", "__gmon_start__"}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(path, *options):
    """(kind, name without version) of each symbol that nm lists."""
    rows = [line.split() for line in run("nm", *options, str(path)).splitlines()]
    return {(row[-2], row[-1].split("@")[0]) for row in rows if len(row) >= 2 and len(row[-2]) == 1}


def exports(build):
    return {name for _, name in symbols(build / "libsessile.so", "-D", "--defined-only")}


def imports_of_shared(build):
    return {name for _, name in symbols(build / "libsessile.so", "-D", "--undefined-only")} - START_FILES


def imports_of_static(build):
    archive = build / "libsessile.a"
    needed = {name for _, name in symbols(archive, "--undefined-only")}
    return needed - {name for _, name in symbols(archive, "--defined-only", "--extern-only")}


def constants(build):
    """The library's own list of its public constants."""
    library = ctypes.CDLL(str(build / "libsessile.so"))
    library.sessile_constant_count.restype = ctypes.c_size_t
    library.sessile_constant_name.restype = ctypes.c_char_p
    for function in (library.sessile_constant_name, library.sessile_constant_value):
        function.argtypes = [ctypes.c_size_t]
    return [(library.sessile_constant_name(index).decode(), library.sessile_constant_value(index))
            for index in range(library.sessile_constant_count())]


def constants_text(build):
    return "".join(f"{name} {value}\n" for name, value in sorted(constants(build)))


def read_imports():
    """The committed allow-list: (always imported, may be imported)."""
    always, maybe = set(), set()
    for line in IMPORTS.read_text().splitlines():
        name = line.split("#")[0].strip()
        if name:
            (maybe if name.startswith("?") else always).add(name.lstrip("?"))
    return always, maybe


def imports_text(build):
    maybe = read_imports()[1] if IMPORTS.exists() else set()
    head = "".join(line + "\n" for line in IMPORTS.read_text().splitlines()
                   if line.startswith("#")) if IMPORTS.exists() else ""
    names = (imports_of_shared(build) | imports_of_static(build)) - maybe
    return head + "".join(f"{name}\n" for name in sorted(names)) + "".join(f"?{name}\n" for name in sorted(maybe))


def write_dump(build, path):
    run("abidw", "--exported-interfaces-only", "--headers-dir", str(TREE / "libcore/include/sessile"),
        "--drop-private-types", "--no-show-locs", "--no-corpus-path", "--no-comp-dir-path",
        "--no-architecture", "--out-file", str(path), str(build / "libsessile.so"))
    path.write_text(path.read_text().replace(f"{TREE}/", ""))


def compare_dump(build):
    """abidiff's report on what changed since the committed dump: "" where nothing has."""
    result = subprocess.run(["abidiff", "--no-architecture", "--headers-dir2", str(TREE / "libcore/include/sessile"),
                             "--drop-private-types", str(DUMP), str(build / "libsessile.so")],
                            capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stdout + result.stderr or "abidiff failed"


def update(build):
    DUMP.parent.mkdir(exist_ok=True)
    write_dump(build, DUMP)
    IMPORTS.write_text(imports_text(build))
    CONSTANTS.write_text(constants_text(build))


def differences(build):
    found = {"the ABI": compare_dump(build)}
    for what, path, text in (("the imports", IMPORTS, imports_text(build)),
                             ("the constants", CONSTANTS, constants_text(build))):
        before, after = set(path.read_text().splitlines()), set(text.splitlines())
        found[what] = "".join(f"  - {line}\n" for line in sorted(before - after)) + \
                      "".join(f"  + {line}\n" for line in sorted(after - before))
    return {what: text for what, text in found.items() if text}


def main(arguments):
    build = Path(os.environ.get("SESSILE_BUILD", TREE / "build" / "release"))
    if arguments == ["--update"]:
        update(build)
        print("written: " + ", ".join(str(path.relative_to(TREE)) for path in (DUMP, IMPORTS, CONSTANTS)))
        return 0
    if arguments:
        print("usage: abi.py [--update]", file=sys.stderr)
        return 2
    found = differences(build)
    for what, text in found.items():
        print(f"{what} changed:\n{text}")
    print("abi/ and the library differ" if found else "the library is what abi/ says")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
