"""What is read out of a trace of a CUDA device, on one that was made by hand."""

import pytest
from made_trace import GELU, GEMM, document, kernel, launch, mark, memory, operator, step, trace

from bench.profile import Owner, Profile
from bench.profiling.device import uses_tensor_cores
from bench.profiling.nesting import nest
from bench.profiling.operators import operators
from bench.profiling.phases import Phases
from bench.profiling.summary import NO_PHASES, summarize
from bench.profiling.trace import read
from bench.typed import typed


def profile(events=None, kind="cuda"):
    return summarize(trace(events, kind), "cuda:0", {"aten::mm": 64}, "2.13.0", "2026", "traces/x", "no kernel")


def shares(found):
    return {name: None if one.value is None else round(one.value, 6) for name, one in found.shares.items()}


def test_a_profile_comes_back_from_its_json():
    assert typed(profile().to_json(), Profile) == profile()


def test_self_time_is_without_what_an_operator_calls_and_kernels_are_their_launchers():
    found = {one.name: one for one in profile().operators}

    linear, addmm = found["aten::linear"], found["aten::addmm"]
    assert (linear.calls, round(linear.self_seconds * 1e6), round(linear.total_seconds * 1e6)) == (2, 8, 40)
    assert (addmm.calls, round(addmm.self_seconds * 1e6), round(addmm.device_seconds * 1e6)) == (2, 28, 30)
    assert found["aten::mm"].flop == 64
    assert addmm.flop is None


def test_kernels_are_added_up_by_name_and_fills_by_the_memory_engine_are_none():
    found = profile()

    assert [(one.name, one.calls, round(one.seconds * 1e6), one.tensor_core) for one in found.kernels] == [
        (GEMM, 2, 30, True),
        (GELU, 2, 20, False),
    ]
    assert round(found.kernel_seconds * 1e6) == 50
    assert shares(found)["tensor_core"] == 0.6


def test_the_device_idles_where_none_of_its_streams_runs_anything():
    # In a step of 100 µs a kernel of 15, one of 10 and a fill of 5.
    assert shares(profile())["idle"] == 0.7


def test_it_is_launch_bound_until_the_call_that_launches_what_runs_next_has_ended():
    # From 0 to 16, 35 to 54 and 65 to 85, and after the last fill from 90 to 100 into the next step.
    assert shares(profile())["launch_bound"] == pytest.approx((16 + 19 + 20 + 10 + 16 + 19 + 20) / 200)


def test_a_device_that_is_kept_busy_is_not_launch_bound():
    busy = [
        mark("ProfilerStep#1", 1000, 1100, 1),
        *(launch(1000 + at, 1001 + at, at, 1) for at in range(4)),
        *(kernel(GEMM, 1002 + 25 * at, 1027 + 25 * at, at, 1) for at in range(4)),
    ]

    assert shares(profile(busy)) == {
        "idle": round(2 / 102, 6),
        "launch_bound": round(1 / 102, 6),
        "tensor_core": 1.0,
        "data_loading": None,
    }


def test_a_kernel_that_outlives_the_last_step_is_within_the_window():
    late = [mark("ProfilerStep#1", 1000, 1010, 1), launch(1001, 1002, 1, 1), kernel(GEMM, 1003, 1103, 1, 1)]

    assert profile(late).seconds == pytest.approx(103e-6)


def test_phases_cover_the_step_and_kernels_belong_to_the_phase_that_launched_them():
    found = {one.name: (round(one.seconds * 1e6), round(one.device_seconds * 1e6)) for one in profile().phases}

    assert found == {"forward": (80, 30), "backward": (80, 20), "optimizer": (20, 10), "rest": (20, 0)}


def test_a_step_of_one_phase_says_so():
    found = profile([mark("ProfilerStep#1", 1000, 1100, 1), operator("aten::linear", 1010, 1030, 2)])

    assert found.phases == ()
    assert found.absent["phases"] == NO_PHASES


def test_a_workload_names_phases_of_its_own():
    marked = [mark("ProfilerStep#1", 1000, 1100, 1), mark("phase: encode", 1000, 1040, 2)]
    marked += [mark("phase: decode", 1040, 1090, 3), mark("phase: inner", 1050, 1060, 4)]

    found = profile(marked)

    assert [(one.name, round(one.seconds * 1e6)) for one in found.phases] == [
        ("encode", 40),
        ("decode", 50),
        ("rest", 10),
    ]


def test_a_loader_s_time_is_a_share_of_the_step():
    loading = mark("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", 1000, 1025, 2)

    found = profile([mark("ProfilerStep#1", 1000, 1100, 1), loading])

    assert shares(found)["data_loading"] == 0.25
    assert shares(profile())["data_loading"] is None


def test_gradient_accumulation_has_a_forward_pass_before_each_backward_pass():
    marked = [mark("ProfilerStep#1", 1000, 1100, 1), mark("phase: backward", 1020, 1040, 2)]
    marked += [mark("phase: backward", 1050, 1080, 3), mark("Optimizer.step#SGD.step", 1085, 1095, 4)]

    times = Phases(trace(marked)).times([])

    assert [(one.name, round(one.seconds * 1e6)) for one in times] == [
        ("forward", 30), ("backward", 50), ("optimizer", 10), ("rest", 10),
    ]  # fmt: skip


def test_the_memory_s_owners_make_its_peak_and_what_was_there_before_is_told_apart():
    found = profile().memory

    assert (found.device, found.base, found.peak, round(found.peak_seconds * 1e6)) == ("cuda:0", 1000, 1700, 51)
    assert found.owners == (
        Owner("forward", "aten::linear", 400, 1),
        Owner("backward", "AddmmBackward0", 300, 1),
        Owner("", "before the profile", 1000, 0),
    )
    assert (found.bytes[0], max(found.bytes), found.bytes[-1]) == (1000, 1700, 1000)


def test_memory_of_another_device_is_not_counted():
    on_the_host = [memory(1013, 0xC, 5000, 5000, device=0)]

    assert profile([*step(1, 1000), *on_the_host]).memory.peak == 1700


def test_the_end_of_a_block_that_a_cpu_s_profile_did_not_see_begin_counts_for_nothing():
    events = [mark("ProfilerStep#1", 1000, 1100, 1), operator("aten::add", 1010, 1030, 2)]
    events += [memory(1011, 0xD, -9000, 0, device=0), memory(1012, 0xE, 64, 64, device=0)]

    found = profile(events, kind="cpu").memory

    assert (found.base, found.peak) == (None, 64)
    assert found.owners == (Owner("", "aten::add", 64, 1),)


def test_of_two_spans_that_overlap_neither_called_the_other():
    nodes = nest(trace([operator("a", 0, 10, 1), operator("b", 5, 15, 2)]).host)

    assert [node.own for node in nodes] == [10_000, 10_000]


def test_a_name_that_is_all_that_its_namesake_calls_is_one_call():
    nodes = nest(trace([operator("aten::to", 0, 10, 1), operator("aten::to", 2, 8, 2)]).host)

    [found] = operators(nodes, (), {})

    assert (found.calls, round(found.self_seconds * 1e6), round(found.total_seconds * 1e6)) == (1, 10, 10)


def test_times_are_read_to_the_nanosecond():
    """As floats this moment of today's clock would be a nanosecond early, and this length, cut, one short."""
    text = document([operator("aten::add", 0, 0, 1)])
    text = text.replace('"ts": 0', '"ts": 1795784616123456.001').replace('"dur": 0', '"dur": 0.289')

    [found] = read(text, "cpu").host

    assert (found.begin, found.length) == (1795784616123456001, 289)


@pytest.mark.parametrize(
    "name",
    [
        "ampere_bf16_s16816gemm_bf16_128x128_ldg8_f2f_stages_32x5_tn",
        "sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x64",
        "nvjet_hsh_128x256_64x4_2x1_v_bz_coopA_TNT",
        "void cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_128x128_32x3_nn_align8>(Params)",
        "void pytorch_flash::flash_fwd_kernel<Flash_fwd_kernel_traits<64, 128, 128, 4>>(Flash_fwd_params)",
        "void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<MainloopSm90TmaGmmaWarpSpecialized>>",
        "volta_h884gemm_64x128_ldg8_nn",
    ],
)
def test_kernels_that_use_tensor_cores_are_known_by_name(name):
    assert uses_tensor_cores(name)


@pytest.mark.parametrize(
    "name",
    [
        "ampere_sgemm_128x64_tn",
        "sm80_xmma_gemm_f32f32_f32f32_f32_tn_n_tilesize32x32x8_stage3_warpsize1x2x1_ffma_aligna4_alignc4",
        "void pytorch_flash::flash_bwd_dot_do_o_kernel<true, Flash_bwd_kernel_traits<64>>(Flash_bwd_params)",
        "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>(int)",
        "void cublasLt::splitKreduce_kernel<32, 16, int, float>(cublasLt::cublasSplitKParams<float>)",
        "void cudnn::ops::nchwToNhwcKernel<float, float>(cudnn::ops::nchw2nhwc_params_t<float>)",
        "triton_poi_fused_gelu_0",
    ],
)
def test_kernels_that_do_not_are_none(name):
    assert not uses_tensor_cores(name)
