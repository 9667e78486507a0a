from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from bench import machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads files of Linux")

NO_QUOTA = {"value": None, "reason": "no quota is set"}
NO_LIMIT = {"value": None, "reason": "no limit is set"}
TOTAL = machine.psutil.virtual_memory().total


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, NO_QUOTA),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, NO_QUOTA),
        (
            {
                "proc/self/cgroup": "0::/slice/job\n",
                "sys/fs/cgroup/slice/job/cpu.max": "400000 100000\n",
                "sys/fs/cgroup/slice/cpu.max": "200000 100000\n",
            },
            2.0,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": "4:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            NO_QUOTA,
        ),
    ],
    ids=["no cgroups", "a container", "no quota", "a parent's quota", "version 1 seen from inside", "version 1, none"],
)
def test_the_quota_of_cores_is_the_least_that_holds(tmp_path: Path, files: dict[str, str], cores: object) -> None:
    assert machine.cpu_quota(tree(tmp_path, files)) == cores


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1048576\n"}, 1048576),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, NO_LIMIT),
        (
            {"proc/self/cgroup": "5:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2**63 - 4096}\n"},
            NO_LIMIT,
        ),
        ({"proc/self/cgroup": "5:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "2097152\n"}, 2097152),
    ],
)
def test_a_limit_of_memory_is_told_where_it_binds(tmp_path: Path, files: dict[str, str], limit: object) -> None:
    told = machine.memory(tree(tmp_path, files))
    assert told["bytes"] == TOTAL
    assert told["limit_bytes"] == limit


def test_a_processor_is_named_by_its_model(tmp_path: Path) -> None:
    tree(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Xeon 9\n\nprocessor\t: 1\nmodel name\t: Other\n"})
    assert machine.cpu_model(tmp_path) == "Xeon 9"


def test_an_arm_processor_is_named_by_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.platform, "machine", lambda: "aarch64")
    tree(tmp_path, {"proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"})
    assert machine.cpu_model(tmp_path) == "aarch64 CPU implementer 0x41 CPU part 0xd40"


def test_governors_and_turbo_are_those_of_all_cores(tmp_path: Path) -> None:
    cpus = "sys/devices/system/cpu"
    tree(
        tmp_path,
        {
            f"{cpus}/cpu0/cpufreq/scaling_governor": "powersave\n",
            f"{cpus}/cpu1/cpufreq/scaling_governor": "performance\n",
            f"{cpus}/cpu2/cpufreq/scaling_governor": "powersave\n",
            f"{cpus}/intel_pstate/no_turbo": "0\n",
        },
    )
    told = machine.cpu(tmp_path)
    assert told["governor"] == "performance, powersave"
    assert told["turbo"] is True


@pytest.mark.parametrize(
    ("name", "text", "turbo"),
    [("intel_pstate/no_turbo", "1", False), ("cpufreq/boost", "1", True), ("cpufreq/boost", "0", False)],
)
def test_turbo_is_read_from_either_driver(tmp_path: Path, name: str, text: str, turbo: bool) -> None:
    assert machine.cpu(tree(tmp_path, {f"sys/devices/system/cpu/{name}": text}))["turbo"] is turbo


def test_the_host_id_is_one_for_a_machine_and_does_not_tell_its_machine_id(tmp_path: Path) -> None:
    one = machine.host_id(tree(tmp_path / "one", {"etc/machine-id": "3d1219c7c4c5404a\n"}))
    again = machine.host_id(tree(tmp_path / "again", {"etc/machine-id": "3d1219c7c4c5404a"}))
    other = machine.host_id(tree(tmp_path / "other", {"etc/machine-id": "3d1219c7c4c5404b\n"}))
    assert one == again != other
    assert "3d1219c7" not in str(one)
    assert one != hashlib.sha256(b"3d1219c7c4c5404a").hexdigest()[:16]  # which others may have made of it as well


def test_a_machine_without_an_id_says_so(tmp_path: Path) -> None:
    assert machine.host_id(tree(tmp_path, {"etc/machine-id": ""})) == machine.absent("the system has no machine-id")


def test_signs_of_a_container_and_a_hypervisor_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    bare = machine.system(tree(tmp_path / "bare", {"proc/cpuinfo": "flags\t: fpu vme\n"}))
    assert bare["virtual_machine"] is False
    assert bare["container"] == machine.absent("no sign of one")
    files = {"proc/cpuinfo": "flags\t: fpu hypervisor\n", "run/.containerenv": "", "sys/class/dmi/id/sys_vendor": "KVM"}
    guest = machine.system(tree(tmp_path / "guest", files))
    assert (guest["virtual_machine"], guest["container"], guest["product"]) == (True, "podman", "KVM")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert machine.system(tmp_path / "guest")["container"] == "kubernetes"


def test_nothing_at_all_to_read_is_no_error(tmp_path: Path) -> None:
    assert machine.cpu(tmp_path)["governor"]["value"] is None
    assert machine.memory(tmp_path)["transparent_hugepages"]["value"] is None
    assert machine.system(tmp_path)["product"]["value"] is None
