"""The purity of the domain, read from its source: what import-linter cannot see."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

DOMAIN = Path(__file__).resolve().parents[2] / "gateway" / "domain"
OUTSIDE = {
    "asyncio",
    "os",
    "socket",
    "time",
    "random",
    "secrets",
    "uuid",
    "pathlib",
    "subprocess",
    "threading",
    "logging",
}
CLOCKS_AND_FILES = {"now", "utcnow", "today", "open"}

MODULES = sorted(DOMAIN.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_domain_module_knows_no_outside_world(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {
        name.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    }
    imported |= {
        (node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }

    assert not imported & OUTSIDE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_domain_module_neither_waits_nor_asks_the_clock(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    waits = [
        node
        for node in nodes
        if isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith))
    ]
    calls = [node.func for node in nodes if isinstance(node, ast.Call)]
    names = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}

    assert not waits
    assert not names & CLOCKS_AND_FILES
