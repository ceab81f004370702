import os
import subprocess
import sys

import seesaw


def run(cwd, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-c", "import seesaw; seesaw.main()"],
        check=False, cwd=cwd, capture_output=True, text=True, env=os.environ | environment,
    )  # fmt: skip


def test_our_own_bench_is_found():
    assert seesaw.shadow() is None


def test_another_package_called_bench_is_named(tmp_path):
    other = tmp_path / "bench"
    other.mkdir()
    (other / "__init__.py").write_text("")
    done = run(tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert f"Another package named bench hides Seesaw's: {other / '__init__.py'}" in done.stderr
    assert "Traceback" not in done.stderr
