"""The roof over a device: whose it is, and what its vendor states."""

from copy import deepcopy

from bench.roof import Ceiling, Roof, Roofs, identity, vendor

ROOF = Roof({"fp32": Ceiling(400e9, "conv"), "bf16": Ceiling(1600e9, "mm")}, Ceiling(40e9, "triad"))
HERE = {
    "device": {"label": "AMD EPYC", "uuid": None},
    "system": {"id": "ab12"},
    "torch": {"version": "2.13.0", "threads": 2},
}


def changed(part, **facts):
    environment = deepcopy(HERE)
    environment[part] |= facts
    return environment


def test_a_roof_is_of_one_device_with_its_threads_and_its_torch():
    roofs = Roofs({identity(HERE): ROOF})

    assert roofs.of(deepcopy(HERE)) == ROOF
    for other in (
        changed("device", label="AMD EPYC 2"),
        changed("device", uuid="GPU-1"),
        changed("system", id="cd34"),
        changed("torch", version="2.12.0"),
        changed("torch", threads=1),
        {},
    ):
        assert roofs.of(other) == Roof()


def test_a_device_with_a_uuid_is_the_same_in_another_host():
    here, there = changed("device", uuid="GPU-1"), changed("device", uuid="GPU-1") | {"system": {"id": "cd34"}}

    assert Roofs({identity(here): ROOF}).of(there) == ROOF


def test_the_vendors_roof_names_figure_board_and_data_sheet():
    roof = vendor({"device": {"label": "NVIDIA H100 80GB HBM3"}})

    assert roof.over("bf16").source.startswith("989.4 TFLOP/s dense bf16, H100 SXM5: H100 data sheet, halved")
    assert roof.over("bf16-pure") == roof.over("bf16")
    assert roof.memory.source.startswith("3.35 TB/s, H100 SXM5: H100 data sheet")
    assert vendor(HERE) == Roof()
