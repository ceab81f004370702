"""Parts by exit, run with ONNX Runtime: who leaves is not run on, and replay agrees.

Covers: bench/commands/run_exits.py
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bench import SeesawError
from bench.cli import app
from bench.records.run_files import STATES
from bench.replay.exits.decide import decide
from bench.replay.exits.states import load_states, save_states
from bench.runs.request import ResolvedRun, RunRequest
from bench.runs.run import run
from bench.runs.trained import network_of
from bench.shipping.manifest import MANIFEST, open_part
from bench.shipping.onnx import open_exits

QUICK = {"policies": ("confidence", "gates", "oracle"), "codecs": ("float32",), "meters": ("storage",)}
MODEL = "mlp_sparse[nearest=true]"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """A plan whose network was trained, and the folder that the command packed it into."""
    from typer.testing import CliRunner

    top = tmp_path_factory.mktemp("by-exit")
    places = {name: top / name for name in ("records", "runs", "data")}
    plan = ResolvedRun.of(RunRequest(task="blobs", model=MODEL, **QUICK, **places))
    run(plan.request)
    given = [word for name, path in places.items() for word in (f"--{name}", str(path))]
    command = ["pack", str(plan.path), "--by-exit", "--onnx", "--out", str(top / "out"), *given]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    return plan, top / "out", given


def inputs(plan):
    data = plan.task.plugin.data(plan.request.data, 0)
    return data.scale(data.test.inputs), data.test.labels


def assert_same(state, expected):
    assert state.keys() == expected.keys()
    assert all(torch.equal(state[name], expected[name]) for name in state)


@pytest.mark.parametrize("policy", ["confidence", "gates"])
@pytest.mark.parametrize("batch", [1, 7])
def test_samples_leave_where_the_trained_network_and_replay_have_them_leave(shipped, policy, batch):
    plan, folder, _ = shipped
    exits, (x, _) = open_exits(folder, policy), inputs(plan)
    states = load_states(plan.files.states)[policy]
    assert_same(exits.state, states[exits.manifest.policies[policy]])
    state = states[len(states) // 3]
    exits = replace(exits, state=state)
    with torch.no_grad():
        logits = torch.stack(network_of(plan, plan.trained())(x))
    expected = decide(exits.policy, [state], logits)[0]
    assert policy == "gates" or 0 < int((expected == 0).sum()) < len(x)
    walks = [exits(one) for one in x.split(batch)]
    left = torch.cat([walk.exits for walk in walks])
    assert torch.equal(left, expected)
    assert torch.equal(exits.expected(x), expected)
    reached = torch.cat([walk.logits for walk in walks])
    torch.testing.assert_close(reached, logits[expected, torch.arange(len(x))], rtol=1e-4, atol=1e-5)


def test_what_has_left_is_not_run_on(shipped):
    plan, folder, _ = shipped
    exits, (x, _) = open_exits(folder, "confidence"), inputs(plan)
    states, ran = load_states(plan.files.states)["confidence"], []

    def counted(number, stretch):
        return lambda x: ran.append((number, len(x))) or stretch(x)

    stretches = [counted(*pair) for pair in enumerate(exits.stretches)]
    exits = replace(exits, stretches=stretches, state=states[len(states) // 3])
    left = exits(x).exits
    assert ran == [
        (n, int((left >= n).sum())) for n in range(len(exits.stretches)) if bool((left >= n).any())
    ]


def test_the_packed_parts_beside_them_are_the_network(shipped):
    plan, folder, _ = shipped
    x, _ = inputs(plan)
    with torch.no_grad():
        expected, feature = network_of(plan, plan.trained())(x), x
        for number, logits in enumerate(expected):
            feature, by_exit = open_part(folder, f"exit{number}").answers(feature)
            assert torch.equal(by_exit[0], logits)


def test_the_command_prints_where_samples_left_and_the_times(shipped):
    from typer.testing import CliRunner

    plan, folder, given = shipped
    result = CliRunner().invoke(
        app, ["run-exits", str(folder), "--clock", "20", *given[-2:]], catch_exceptions=False
    )
    x, labels = inputs(plan)
    exits = open_exits(folder, "confidence")
    walk = exits(x)
    assert f"accuracy {float((walk.logits.argmax(1) == labels).double().mean()):.2%}" in result.output
    assert "all of them leave at the same exits" in result.output
    assert "x as fast" in result.output


def changed(folder, to, **changes):
    """A copy of the folder, with its manifest changed."""
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((to / MANIFEST).read_text())
    (to / MANIFEST).write_text(json.dumps(manifest | changes))
    return to


def test_a_policy_that_is_not_there_or_is_a_draft_is_a_sentence(shipped, tmp_path):
    _, folder, _ = shipped
    with pytest.raises(SeesawError, match=r"no point of 'oracle'. Choose from: 'confidence', 'gates'"):
        open_exits(folder, "oracle")
    draft = "stranger.py:Policy"
    with pytest.raises(SeesawError, match="is a draft, and a manifest runs no code"):
        open_exits(changed(folder, tmp_path / "a", policies={draft: 0}), draft)


@pytest.mark.parametrize("name", [STATES, "exit1.onnx"])
def test_a_damaged_or_missing_file_is_a_sentence(shipped, tmp_path, name):
    _, folder, _ = shipped
    copy = changed(folder, tmp_path / "a")
    (copy / name).write_bytes(b"\0" * 100)
    with pytest.raises(SeesawError, match=rf"{name} is "):
        open_exits(copy, "confidence")
    (copy / name).unlink()
    with pytest.raises(SeesawError, match=f"{name} (is not there|cannot be read)"):
        open_exits(copy, "confidence")


def test_a_folder_of_other_parts_is_a_sentence(shipped, tmp_path):
    _, folder, _ = shipped
    parts = {"network": json.loads((Path(folder) / MANIFEST).read_text())["parts"]["exit0"]}
    with pytest.raises(SeesawError, match=r"holds no parts by exit. Write them with: seesaw pack"):
        open_exits(changed(folder, tmp_path / "a", parts=parts), "confidence")


def test_a_folder_that_names_a_file_as_its_task_runs_none_of_it(shipped, tmp_path):
    from typer.testing import CliRunner

    _, folder, given = shipped
    evil, mark = tmp_path / "evil.py", tmp_path / "ran"
    evil.write_text(f"open({str(mark)!r}, 'w')\nclass Evil: pass\n")
    copy = changed(folder, tmp_path / "a", task=f"{evil}:Evil")
    result = CliRunner().invoke(app, ["run-exits", str(copy), *given[-2:]])
    assert result.exit_code == 1
    assert "a manifest runs no code" in " ".join(str(result.exception or result.output).split())
    assert not mark.exists()


def test_a_file_of_states_without_the_policy_is_a_sentence(shipped, tmp_path):
    _, folder, _ = shipped
    copy = changed(folder, tmp_path / "a")
    save_states(copy / STATES, {"entropy": []})
    states = hashlib.sha256((copy / STATES).read_bytes()).hexdigest()
    with pytest.raises(SeesawError, match="holds no point of 'confidence'"):
        open_exits(changed(copy, tmp_path / "b", states=states), "confidence")


def test_onnx_files_without_a_digest_in_the_manifest_are_not_run(shipped, tmp_path):
    _, folder, _ = shipped
    parts = json.loads((Path(folder) / MANIFEST).read_text())["parts"]
    parts = {name: entry | {"onnx": None} for name, entry in parts.items()}
    with pytest.raises(SeesawError, match="Pack with --onnx"):
        open_exits(changed(folder, tmp_path / "a", parts=parts), "confidence")
