# SPDX-License-Identifier: Apache-2.0
"""The package against the headers: whatever is public is there, or stands in parity.txt with the reason. The types of
the flat layer are what stubs.py makes of the headers, and what the extension has."""

import fnmatch
import importlib.util
import re
from pathlib import Path

import pytest

from sessile import _sessile

TREE = Path(__file__).resolve().parents[2]
PYTHON = TREE / "bindings" / "python"

spec = importlib.util.spec_from_file_location("stubs", PYTHON / "stubs.py")
stubs = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stubs)

HEADERS = [stubs.without_comments(path.read_text()) for path in (TREE / "libcore/include/sessile").glob("*.h")]
FUNCTIONS = sorted(name for text in HEADERS for _, name, _ in stubs.functions(text))
CONSTANTS = sorted(name for text in HEADERS for name in stubs.constants(text))
SOURCES = "".join(path.read_text() for path in (PYTHON / "sessile").glob("*.py"))
ROWS = [line.split(maxsplit=1) for line in (PYTHON / "parity.txt").read_text().splitlines()
        if line and not line.startswith("#")]


def in_package(name):
    return re.search(rf"\b_sessile\.{name}\b|import {name} as", SOURCES) is not None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_its_place_or_a_reason(name):
    assert in_package(name) or any(fnmatch.fnmatch(name, pattern) for pattern, _ in ROWS)


@pytest.mark.parametrize("pattern", [pattern for pattern, _ in ROWS])
def test_a_row_of_parity_is_needed(pattern):
    assert [name for name in fnmatch.filter(FUNCTIONS, pattern) if name == "version" or not in_package(name)]


def test_every_row_has_a_reason():
    assert FUNCTIONS and all(len(row) == 2 for row in ROWS)


def test_every_constant_has_a_name_in_an_enum():
    assert [name for name in CONSTANTS if name != "OK" and not in_package(name)] == []


def test_constants_have_the_values_that_the_library_lists():
    listed = {_sessile.constant_name(index): _sessile.constant_value(index)
              for index in range(_sessile.constant_count())}
    assert listed and {name: getattr(_sessile, name) for name in listed} == listed


def test_the_flat_layers_types_are_those_of_the_headers(capsys):
    stubs.main()
    assert capsys.readouterr().out == (PYTHON / "sessile/_sessile.pyi").read_text()


def test_the_flat_layer_has_what_its_types_say_and_nothing_else():
    text = (PYTHON / "sessile/_sessile.pyi").read_text()
    told = set(re.findall(r"^(?:def |class )?(\w+)\b(?=[(:])", text, re.M))
    there = {name for name in vars(_sessile) if not name.startswith("__")}
    assert there - {"SWIG_PyInstanceMethod_New", "SWIG_PyStaticMethod_New"} == told
