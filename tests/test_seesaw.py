import os
import subprocess
import sys

import pytest

import seesaw


def run(cwd, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-c", "import seesaw; seesaw.main()"],
        check=False, cwd=cwd, capture_output=True, text=True, env=os.environ | environment,
    )  # fmt: skip


@pytest.mark.parametrize("package", seesaw.PACKAGES)
def test_our_own_packages_are_found(package):
    assert seesaw.shadow(package) is None


@pytest.mark.parametrize("package", seesaw.PACKAGES)
def test_another_package_of_one_of_our_names_is_named(tmp_path, package):
    other = tmp_path / package
    other.mkdir()
    (other / "__init__.py").write_text("")
    done = run(tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert f"Another package named {package} hides Seesaw's: {other / '__init__.py'}" in done.stderr
    assert "Traceback" not in done.stderr
