from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import environment as module
from bench.device import Device
from bench.environment import environment, scrub

ROOT = Path(__file__).parents[1]
CPU = Device("cpu", "a cpu", None, None)


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    return environment(CPU)


def test_it_is_plain_json_and_the_same_each_time(here: dict[str, Any]) -> None:
    assert json.loads(json.dumps(here, allow_nan=False)) == here
    assert environment(CPU) == here


def test_torch_is_told_with_its_threads_and_build(here: dict[str, Any]) -> None:
    told = here["torch"]
    assert told["version"] == torch.__version__
    assert told["threads"] == torch.get_num_threads()
    assert told["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert re.fullmatch(r"[0-9a-f]{40}", told["git"])


def test_an_absent_value_has_its_reason_beside_it(here: dict[str, Any]) -> None:
    def check(value: Any, where: str) -> None:
        if isinstance(value, dict) and "value" in value:
            assert value["value"] is None, where
            assert value["reason"], where
        elif isinstance(value, dict):
            for key, part in value.items():
                check(part, f"{where}.{key}")
        else:
            assert value is not None, where

    check({name: part for name, part in here.items() if name != "device"}, "environment")


def test_a_library_that_is_not_installed_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIBRARIES", ("no-such-library",))
    assert environment(CPU)["libraries"]["no-such-library"] == {"value": None, "reason": "not installed"}


def test_nothing_secret_leaks(tmp_path: Path) -> None:
    """A home, a user, tokens and passwords, put wherever a value could pick them up."""
    home = tmp_path / "mallory"
    home.mkdir()
    secret = "hunter2-swordfish"
    settings = {
        "HOME": str(home),
        "USER": "mallory",
        "LOGNAME": "mallory",
        "SECRET_TOKEN": secret,
        "HF_TOKEN": secret,
        "OMP_NUM_THREADS": "1",
        "TORCHINDUCTOR_CACHE_DIR": f"{home}/cache",
        "TORCHINDUCTOR_REDIS_URL": f"redis://:{secret}@cache",
        "MKL_VERBOSE_OUTPUT_FILE": "/scratch/mallory/mkl.log",
        "LD_PRELOAD": f"{home}/lib/libfast.so:/opt/{secret}/libslow.so",
        "PYTHONPATH": str(ROOT),
    }
    code = (
        "import json; from bench.device import device; from bench.environment import environment; "
        "print(json.dumps(environment(device('cpu'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **settings},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    variables = json.loads(done.stdout)["variables"]
    assert variables["OMP_NUM_THREADS"] == "1"
    assert "TORCHINDUCTOR_CACHE_DIR" not in variables  # torch itself makes one of the user's name
    assert variables["MKL_VERBOSE_OUTPUT_FILE"] == "/scratch/<user>/mkl.log"
    assert variables["LD_PRELOAD"] == "libfast.so libslow.so"
    machine_id = Path("/etc/machine-id")
    private = [secret, "mallory", str(tmp_path)]
    private += [machine_id.read_text().strip()] if machine_id.exists() and machine_id.read_text().strip() else []
    private += [platform.node()] if len(platform.node()) > 6 else []  # a name like "vm" is in other words too
    assert [word for word in private if word in done.stdout] == []


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("/data/people/alice/run.py", "~/run.py"),
        ("/data/people/alice", "~"),
        ("see /data/people/alice.", "see ~."),
        ("a:/data/people/alice/lib:b", "a:~/lib:b"),
        ("/data/people/alice2/run.py", "/data/people/alice2/run.py"),
        ("/scratch/alice/run.py", "/scratch/<user>/run.py"),
        ("/scratch/malice/run.py", "/scratch/malice/run.py"),
        ("/home/bob/run.py '/Users/carol'", "/home/<user>/run.py '/Users/<user>'"),
        ("alice in wonderland", "alice in wonderland"),
        ("throughput 5 item/s", "throughput 5 item/s"),
    ],
)
def test_scrubbing_takes_homes_and_user_names_out_of_paths(
    monkeypatch: pytest.MonkeyPatch, text: str, scrubbed: str
) -> None:
    monkeypatch.setenv("HOME", "/data/people/alice")
    monkeypatch.setenv("USER", "alice")
    monkeypatch.setenv("LOGNAME", "alice")
    assert scrub(text) == scrubbed


@pytest.mark.parametrize("home", ["", "/", "relative"])
def test_a_home_that_is_no_folder_of_ones_own_scrubs_nothing(monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    monkeypatch.setenv("HOME", home)
    assert scrub("/usr/lib/x relative/y") == "/usr/lib/x relative/y"


def git(folder: Path, *arguments: str) -> str:
    # Nothing of the caller's configuration, and no repository around the folder, may play a part.
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_of_the_current_directory_is_told_and_whether_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    (tmp_path / "results").write_text("an untracked file is no change of the code\n")
    monkeypatch.chdir(tmp_path)
    assert module._git() == {"commit": git(tmp_path, "rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "code.py").write_text("2\n")
    assert module._git()["dirty"] is True


def test_outside_a_repository_there_is_no_commit_but_gits_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    told = module._git()
    assert told["commit"] == told["dirty"]
    assert told["commit"]["reason"].startswith("git: fatal: not a git repository")


def test_without_git_there_is_no_commit_but_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert module._git()["commit"] == {"value": None, "reason": "git is not installed"}


def test_a_gpu_that_nvml_cannot_describe_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import nvml
    from bench.errors import Unavailable

    def refuse(uuid: str) -> None:
        raise Unavailable(f"nvmlInit: Driver Not Loaded for {uuid}")

    properties = type("Properties", (), {"major": 9, "minor": 0, "multi_processor_count": 132})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(nvml, "describe", refuse)
    told = environment(Device("cuda:0", "H100", "GPU-aaaa", 80))["device"]
    assert (told["kind"], told["compute_capability"], told["multiprocessors"]) == ("cuda", "9.0", 132)
    assert told["nvml"] == {"value": None, "reason": "nvmlInit: Driver Not Loaded for GPU-aaaa"}
