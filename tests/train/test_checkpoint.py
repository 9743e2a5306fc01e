from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs faceclust[clip]")

from faceclust.train.checkpoint import Options, load_trunk, rate_at, resampled  # noqa: E402


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    options = Options(data="", run="", steps=100, warmup=10)
    rates = [rate_at(step, 20, options) for step in range(101)]
    assert max(rates[:20]) == 0
    assert rates[20:30] == sorted(rates[20:30])
    assert rates[30:] == sorted(rates[30:], reverse=True)
    assert 0.7 < max(rates) < 1
    assert rates[100] == pytest.approx(0, abs=1e-9)


def test_without_options_two_cores_are_done_in_two_hours() -> None:
    """Both together get through 25 faces a second (README)."""
    options = Options(data="", run="")
    assert sum(options.batch) * options.steps / 25 <= 2 * 3600
    assert options.head + options.warmup < options.steps / 5


def test_the_trunk_begins_as_the_identity_network(tmp_path: Any) -> None:
    onnx = pytest.importorskip("onnx")
    from faceclust.embed.tower import FaceMobile

    source, target = FaceMobile(112), FaceMobile(80)
    nodes, weights = [], []
    for k, module in enumerate(m for m in source.modules() if not list(m.children())):
        if isinstance(module, torch.nn.LayerNorm):
            continue
        names = [f"{k}.{name}" for name, _ in module.named_parameters()]
        arrays = [value.detach().numpy() for value in module.parameters()]
        weights += [onnx.numpy_helper.from_array(a, n) for a, n in zip(arrays, names, strict=True)]
        kind = "Conv" if isinstance(module, torch.nn.Conv2d) else "PRelu"
        nodes.append(onnx.helper.make_node(kind, [f"x{k}", *names], [f"x{k + 1}"]))
    graph = onnx.helper.make_graph(nodes, "trunk", [], [], weights)
    onnx.save(onnx.helper.make_model(graph), str(tmp_path / "trunk.onnx"))
    load_trunk(target, tmp_path / "trunk.onnx")
    given, got = source.state_dict(), target.state_dict()
    for name in given:
        if not name.startswith(("norm.", "gather.")):
            assert torch.equal(given[name], got[name]), name
    wide, narrow = given["gather.weight"], got["gather.weight"]
    assert narrow.shape[2:] == (5, 5)
    assert torch.allclose(narrow.sum((2, 3)), wide.sum((2, 3)), atol=0.3)


def test_a_kernel_keeps_its_sum_on_a_map_of_another_size() -> None:
    kernel = torch.rand(4, 1, 5, 5)
    larger = resampled(kernel, 7)
    assert larger.shape == (4, 1, 7, 7)
    assert torch.allclose(larger.sum((1, 2, 3)), kernel.sum((1, 2, 3)), rtol=0.05)
    assert resampled(kernel, 5) is kernel
