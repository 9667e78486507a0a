"""A user's project in a real git repository, and real interpreters to gate it on."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

PEOPLE = {f"GIT_{who}_{what}": "nobody@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


@dataclass(frozen=True)
class Project:
    """A directory that git knows."""

    path: Path

    def git(self, *arguments):
        """What git says to the user."""
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **PEOPLE}
        done = subprocess.run(
            ["git", "-c", "protocol.file.allow=always", *arguments],
            cwd=self.path,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def put(self, name, text):
        """One file by its name."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self):
        """Everything, committed; returns the hash."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a step")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The current directory: a repository in which `model.py` says 1 in the tag v1, and 2 in the commit after it."""
    made = Project(tmp_path / "project")
    made.path.mkdir()
    made.git("init", "--quiet", "--initial-branch", "main")
    made.put("model.py", "VALUE = 1\n")
    made.commit()
    made.git("tag", "v1")
    made.put("model.py", "VALUE = 2\n")
    made.commit()
    monkeypatch.chdir(made.path)
    return made


@pytest.fixture
def run():
    """Runs Python code in a place, with what the engine gives it, and returns what it printed."""

    def run(place, code):
        settings = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, place.path))}
        done = subprocess.run(
            [place.python, "-P", "-c", code], env=settings, cwd=place.directory, capture_output=True, text=True
        )
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    return run


@pytest.fixture
def interpreter(tmp_path):
    """Makes a virtual environment; ``lines`` go into a .pth file of it, ``borrow`` lends it the packages here."""

    def make(name="environment", borrow=True, lines=()):
        folder = tmp_path / name
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        (packages,) = folder.glob("lib/python*/site-packages")
        borrowed = [f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})"] if borrow else []
        (packages / "test.pth").write_text("\n".join([*lines, *borrowed]) + "\n")
        return folder

    return make


@pytest.fixture
def wheels(tmp_path):
    """A folder with two versions of a package called tiny."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for version in ("1", "2"):
        about = f"tiny-{version}.dist-info"
        files = {
            "tiny.py": f"VERSION = {version}\n",
            f"{about}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
            f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD"))
        with zipfile.ZipFile(folder / f"tiny-{version}-py3-none-any.whl", "w") as wheel:
            for name, text in {**files, f"{about}/RECORD": record}.items():
                wheel.writestr(name, text)
    return folder
