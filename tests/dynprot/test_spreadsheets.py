"""No file of ours holds a formula, and what was made harmless comes back as it was."""

from __future__ import annotations

from decimal import Decimal
from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.admin import resources
from dynprot.spreadsheets import with_formula, without_formula
from exports import services

FORMULAS = [
    "=1+1",
    "+33",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =cmd|' /C calc'!A0",
    " \n",
    "'=1",
    "\u00a0=1",
    "\uff1d1",
    "\t",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_is_text_after_an_apostrophe(text: str) -> None:
    assert without_formula(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["Soupe", "12.50", "a=b", "l'eau", "'", "", "'déjà'", None, -5, Decimal("-1.5"), True])
def test_everything_else_stays(cell: object) -> None:
    assert without_formula(cell) == cell
    assert with_formula(cell) == cell


@given(st.text(alphabet=st.sampled_from("'=+-@ \t\r\na1\u00a0\uff1d")))
@example("'=1")
def test_what_goes_out_comes_back(text: str) -> None:
    assert with_formula(without_formula(text)) == text


@pytest.mark.parametrize("module", [resources, services])
def test_both_kinds_of_files_have_the_same_rule(module: ModuleType) -> None:
    assert vars(module)["without_formula"] is without_formula
