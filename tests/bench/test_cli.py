"""The commands as they are typed: exit codes, tables, and a sentence for every mistake.

Covers: bench/commands/compare.py, bench/commands/kernels.py, bench/commands/pack.py,
    bench/commands/plugins.py, bench/commands/run.py, bench/plugins/scaffold.py, bench/runs/ship.py
"""

import os
import signal
import subprocess
import sys
import time

import pytest

from bench import cli
from bench.commands import options
from bench.records.record import load

SMALL = ["--task", "blobs", "--meters", "macs,storage", "--policies", "confidence", "--codecs", "int8"]


@pytest.fixture
def seesaw(monkeypatch, tmp_path, capsys):
    """Types a command in an empty folder; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options.out, "width", 120)

    def type_(*words):
        monkeypatch.setattr(sys, "argv", ["seesaw", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return type_


def test_a_run_prints_one_screen_and_where_the_record_is(seesaw, tmp_path):
    code, out, _ = seesaw("run", *SMALL, "--model", "mlp_sparse")
    assert code == 0
    (path,) = tmp_path.glob("results/records/blobs-v1/mlp_sparse-*/seed0.json")
    assert f"Record: {path.relative_to(tmp_path)}" in out
    assert f"Next: seesaw show {path.relative_to(tmp_path)} --all" in out
    for word in (
        "mlp_sparse[density=0.125]",
        "effective",
        "packed",
        "policies",
        "to compare accuracy",
        "Seconds:",
    ):
        assert word in out
    assert len(out.splitlines()) <= 30


def test_what_was_run_is_shown_and_again_runs_it_anew(seesaw, tmp_path):
    small = [*SMALL, "--model", "mlp"]
    seesaw("run", *small)
    (path,) = tmp_path.glob("results/records/*/*/seed0.json")
    before = path.stat().st_mtime_ns
    _, out, _ = seesaw("run", *small)
    assert "Already run" in out
    assert path.stat().st_mtime_ns == before
    seesaw("run", *small, "--again")
    assert path.stat().st_mtime_ns > before


def test_the_ratio_to_the_dense_parent_is_shown_where_that_has_been_run(seesaw):
    sparse, hint = [*SMALL, "--model", "mlp_sparse"], "Run mlp_dense to compare accuracy"
    assert hint in seesaw("run", *sparse)[1]
    seesaw("run", *SMALL, "--model", "mlp")
    _, out, _ = seesaw("run", *sparse)
    assert "how many times less than the dense parent" in out
    assert hint not in out


def test_several_seeds_write_a_record_each(seesaw, tmp_path):
    seesaw("run", *SMALL, "--model", "mlp", "--seeds", "0,3", "--epochs", "1", "--set", "lr=0.001")
    paths = sorted(tmp_path.glob("results/records/*/*/seed*.json"))
    assert [path.name for path in paths] == ["seed0.json", "seed3.json"]
    assert load(paths[0]).setup.recipe["lr"] == 0.001


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run", "--model", "resnt_sparse"], "did you mean 'resnet'"),
        (["run", "--task", "blobs", "--model", "mlp_sparse[density=0.3]"], "nearest feasible"),
        (["run", "--task", "mnist"], "Put the four idx files"),
        (["run", "--task", "folder[path=nowhere]"], "is no folder"),
        (["run", "--seeds", "a,b"], "whole numbers"),
        (["run", "--set", "lr"], "key=value"),
        (["run", "--task", "blobs", "--model", "mlp_pruned", "--cut", "99"], "--cut 99 changes nothing"),
        (["compare", "--task", "blobs", "--methods", "dense", "--cut", "1"], "--cut 1 changes nothing"),
        (
            ["run", "--task", "blobs", "--policies", "splitee"],
            "seesaw replay --trace FOLDER --policy 'splitee'",
        ),
        (["check", "nonsense"], "No plugin is called 'nonsense'"),
        (["list", "methods"], "did you mean 'method'"),
        (["new", "method", "sparse"], "already"),
        (["new", "method", "Bad_Name"], "small letters"),
        (["new", "method", "mine"], "Start this in a checkout"),
    ],
)
def test_a_mistake_is_a_sentence_and_a_code_without_traceback(seesaw, words, hint):
    code, _, err = seesaw(*words)
    assert code == 1
    assert hint in err.replace("\n", " ")
    assert "Traceback" not in err
    assert err.startswith("seesaw: ")


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["seesaw", "run", "--model", "resnt", "--debug"])
    with pytest.raises(Exception, match="did you mean"):
        cli.main()


def test_list_shows_settings_with_defaults_and_meanings(seesaw):
    code, out, _ = seesaw("list", "method")
    assert code == 0
    assert "density=0.125" in out
    assert "share of the weights that exist" in out


def test_check_names_what_holds(seesaw):
    code, out, _ = seesaw("check", "int8")
    assert code == 0
    assert "ok an ordinary feature becomes bytes" in out
    assert "int8 conforms (codec" in out


def test_board_writes_pages_and_names_what_is_no_record(seesaw, tmp_path):
    seesaw("run", *SMALL, "--model", "mlp", "--publish")
    (record,) = tmp_path.glob("leaderboards/records/*/*/seed0.json")
    assert not (tmp_path / "results").exists()
    record.with_name("seed1.json").write_text(record.read_text())
    record.with_name("seed2.json").write_text("{")
    code, out, _ = seesaw("board")
    assert code == 0
    page = (tmp_path / "leaderboards" / "blobs-v1.md").read_text()
    assert "| - | mlp\\_dense |" in page
    assert "settings belong to" in page
    assert out.count("Left out:") == 1
    assert (tmp_path / "leaderboards" / "schema.json").exists()
    code, _, err = seesaw("run", *SMALL, "--publish", "--records", "elsewhere")
    assert code == 1
    assert "--publish writes to leaderboards/records, and --records names elsewhere" in " ".join(err.split())


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "task",
            "backbone",
            "method",
            "exits",
            "policy",
            "codec",
            "channel",
            "profile",
            "split",
            "partitioner",
        ),
        "meter",
    ],
)
def test_a_new_skeleton_conforms_as_it_is_written(seesaw, tmp_path, kind):
    (tmp_path / "pyproject.toml").write_text(f'[project.entry-points."bench.{kind}"]\nother = "a:B"\n')
    code, out, _ = seesaw("new", kind, "my-own")
    assert code == 0
    assert 'my-own = "' in (tmp_path / "pyproject.toml").read_text()
    (plugin,) = [path for path in tmp_path.rglob("my_own.py") if "tests" not in path.parts]
    (test,) = tmp_path.rglob("test_my_own.py")
    compile(test.read_text(), "test", "exec")
    imports = [line for line in test.read_text().splitlines() if line.startswith("from ")]
    assert imports == sorted(imports)
    code, out, _ = seesaw("check", f"{plugin}:MyOwn")
    assert code == 0, out
    assert "conforms" in out


def test_a_skeleton_has_no_word_of_pythons_for_a_name(seesaw, tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project.entry-points."bench.method"]\nother = "a:B"\n')
    code, _, err = seesaw("new", "method", "class")
    assert code == 1
    assert "'class' is a word of Python's own" in err
    assert not list(tmp_path.rglob("*.py"))


def test_ctrl_c_says_how_to_go_on(tmp_path):
    """A real interrupt while it trains; Lightning would make an exit of its own of it."""
    words = ["run", "--task", "digits", "--model", "resnet", "--threads", "1", "--epochs", "500"]
    environment = {**os.environ, "WANDB_MODE": "disabled"}
    interruptible = (  # a job behind a shell ignores the signal; set here, since code between fork and exec may meet locks
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "runpy.run_module('bench', run_name='__main__', alter_sys=True)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", interruptible, *words],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not list(tmp_path.glob("runs/*/*/seed0/checkpoints/*.safetensors")):
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Stopped. The same command goes on from here." in err


def test_a_broken_record_of_the_dense_parent_keeps_no_seed_from_running(seesaw, tmp_path, caplog):
    seesaw("run", "--model", "mlp_dense", *SMALL)
    parent = next(tmp_path.glob("results/records/*/mlp_dense-*/seed0.json"))
    parent.write_text("{")
    code, _, _ = seesaw("run", "--model", "mlp_narrow", "--seeds", "0,1", *SMALL)
    assert code == 0
    assert f"Left out: {parent.relative_to(tmp_path)} is no whole record" in caplog.text
    assert len(list(tmp_path.glob("results/records/*/mlp_narrow-*/seed*.json"))) == 2


def test_a_check_fails_where_a_file_is_no_record(seesaw, tmp_path):
    seesaw("run", "--model", "mlp_dense", *SMALL)
    next(tmp_path.glob("results/records/*/*/seed0.json")).write_text("{")
    code, out, _ = seesaw("compare", "--methods", "dense", "--seeds", "0,1", *SMALL)
    assert code == 1
    assert "2 cells, 0 have a record, 2 to run" in out
    assert "Left out: " in out
    code, _, err = seesaw("board", "--check", "--records", "results/records")
    assert code == 1
    assert "no whole record" in err


def test_a_comparison_shows_its_own_cells_alone_and_where_the_whole_board_is(seesaw, tmp_path):
    seesaw("run", "--model", "lenet_dense", *SMALL)
    code, out, _ = seesaw("compare", "--methods", "dense", "--densities", "", "--seeds", "0", *SMALL)
    assert code == 0
    assert "mlp_dense" in out
    assert "lenet_dense" not in out
    assert "The whole board: results/blobs-v1.md, and results/index.html" in out
    page = (tmp_path / "results" / "blobs-v1.md").read_text()
    assert "lenet\\_dense" in page
    assert "mlp\\_dense" in page
    assert not (tmp_path / "leaderboards").exists()


def test_too_large_a_network_is_a_sentence(seesaw):
    code, _, err = seesaw("run", "--model", "mlp[widths=1000000:1000000]", *SMALL)
    assert code == 1
    assert "Take smaller widths." in err


def test_a_trained_network_is_packed_by_its_model_and_by_its_record(seesaw, tmp_path):
    seesaw("run", *SMALL, "--model", "lenet_sparse[nearest=true]", "--records", "elsewhere")
    (path,) = tmp_path.glob("elsewhere/*/*/seed0.json")
    model = ["lenet_sparse[nearest=true]", "--task", "blobs", "--records", "elsewhere"]
    for n, what in enumerate(([str(path)], model)):
        code, out, err = seesaw("pack", *what, "--cut", "2", "--out", f"shipped{n}", "--values", "int8")
        assert code == 0, err
        assert "checked on 64 test samples" in out
        assert "packed, pattern, int8" in out
    assert (tmp_path / "shipped0/device.safetensors").read_bytes() == (
        tmp_path / "shipped1/device.safetensors"
    ).read_bytes()


def test_a_model_that_was_trained_in_several_ways_is_not_packed_by_its_name_alone(seesaw, tmp_path):
    small = [*SMALL, "--policies", "fixed", "--codecs", "float32", "--meters", "storage"]
    for more in ([], ["--exits", "single"], ["--epochs", "2"]):
        assert seesaw("run", *small, "--model", "mlp_sparse", *more)[0] == 0
    pack = ["pack", "mlp_sparse", "--task", "blobs", "--out", "shipped"]
    code, _, err = seesaw(*pack)
    sentence = " ".join(err.split())
    assert code == 1
    assert "was trained in 3 ways with seed 0" in sentence
    paths = [path.relative_to(tmp_path) for path in tmp_path.glob("results/records/*/*/seed0.json")]
    assert all(f"{path} (mlp_sparse" in sentence for path in paths)
    assert "single, 3 epochs" in sentence
    assert not (tmp_path / "shipped").exists()
    assert seesaw(*pack, "--exits", "single", "--epochs", "3")[0] == 0
    assert "2 ways" in " ".join(seesaw(*pack, "--exits", "joint")[2].split())
    assert seesaw(*pack, "--epochs", "2")[0] == 0
    assert seesaw("pack", str(paths[0]), "--out", "shipped")[0] == 0


def test_packing_other_settings_than_were_trained_names_the_record_that_was(seesaw, tmp_path):
    small = [*SMALL, "--policies", "fixed", "--codecs", "float32", "--meters", "storage"]
    assert seesaw("run", *small, "--model", "mlp[widths=8:8]_dense")[0] == 0
    (path,) = tmp_path.glob("results/records/*/*/seed0.json")
    code, _, err = seesaw("pack", "mlp_dense", "--task", "blobs", "--c", "--out", "shipped")
    sentence = " ".join(err.split())
    assert code == 1
    assert (
        f"Other settings have weights there: {path.relative_to(tmp_path)} (mlp[widths=8:8]_dense" in sentence
    )
    assert "Name such a record, or train it: seesaw run --task blobs" in sentence
    assert seesaw("pack", str(path), "--c", "--out", "shipped")[0] == 0


def test_packing_what_was_never_trained_names_the_command_that_trains_it(seesaw):
    code, _, err = seesaw("pack", "lenet_sparse", "--task", "blobs", "--out", "shipped")
    assert code == 1
    assert "Train it: seesaw run --task blobs --model lenet_sparse --seeds 0" in err
    code, _, err = seesaw("pack", "nowhere.json", "--out", "shipped")
    assert code == 1
    assert "nowhere.json cannot be read" in err


def test_kernels_says_what_was_chosen_and_forgets_it(compiler, seesaw, tmp_path, monkeypatch):
    monkeypatch.setenv("SEESAW_CACHE", str(tmp_path))
    assert "Nothing was chosen yet" in seesaw("kernels")[1]
    file = tmp_path / "forms-0.json"
    file.write_text('{"machine": ["a processor", "1 threads"], "forms": {"a": "runs 8"}}')
    assert "Known: 1 choices for a processor, 1 threads" in seesaw("kernels")[1]
    assert "Forgotten" in seesaw("kernels", "--again")[1]
    assert not file.exists()


def test_a_record_that_is_packed_has_its_own_task(seesaw, tmp_path):
    seesaw("run", *SMALL, "--model", "mlp")
    (path,) = tmp_path.glob("results/records/*/*/seed0.json")
    code, _, err = seesaw("pack", str(path), "--task", "mnist", "--epochs", "3", "--out", "shipped")
    assert code == 1
    assert "which has its own task, exits plan and recipe. Leave out --task, --epochs." in " ".join(
        err.split()
    )
    assert seesaw("pack", str(path), "--out", "shipped")[0] == 0


def test_without_kernels_the_command_says_why(seesaw, monkeypatch):
    monkeypatch.setattr("bench.execution.native.why_no_kernels", lambda: "there is no compiler")
    code, _, err = seesaw("kernels")
    assert code == 1
    assert "PyTorch's kernels here: there is no compiler. Install a C++ compiler" in err


def test_threads_that_wait_sleep_soon_unless_the_user_says_otherwise(seesaw, monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    seesaw("list", "codec")
    assert (os.environ["OMP_WAIT_POLICY"], os.environ["GOMP_SPINCOUNT"]) == ("PASSIVE", "20000")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.delenv("GOMP_SPINCOUNT")
    seesaw("list", "codec")
    assert (os.environ["OMP_WAIT_POLICY"], os.environ.get("GOMP_SPINCOUNT")) == ("ACTIVE", None)


def test_an_output_that_is_full_or_closed_is_no_fault_in_seesaw():
    words = [sys.executable, "-m", "bench", "list"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTEST_CURRENT_TEST"}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            words, check=False, stdout=full, stderr=subprocess.PIPE, text=True, env=environment
        )
    assert done.returncode == 1
    assert "The output cannot be written (No space left on device). Give it another place." in done.stderr
    reader = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert reader.stdout is not None
    assert reader.stderr is not None
    reader.stdout.close()
    assert reader.stderr.read() == ""
    assert reader.wait(60) != 0
    begun_closed = [sys.executable, "-c", f"import os, sys; os.close(1); os.execv(sys.executable, {words})"]
    done = subprocess.run(begun_closed, check=False, stderr=subprocess.PIPE, text=True, env=environment)
    assert (done.returncode, done.stderr) == (
        1,
        "seesaw: The output is closed. Give it a place, such as /dev/null.\n",
    )


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--epochs", "0"], "a random network would be measured. Train it"),
        (["--codecs", ""], "--codecs names nothing. Name one at least"),
        (["--meters", ","], "--meters names nothing"),
    ],
)
def test_what_would_measure_nothing_is_refused(seesaw, words, hint):
    code, _, err = seesaw("run", "--task", "blobs", "--model", "mlp", *words)
    assert code == 1
    assert hint in " ".join(err.split())
