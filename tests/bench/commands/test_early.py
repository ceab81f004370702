"""What is wrong before PyTorch is loaded is said before it is: here it cannot be loaded at all.

Covers: bench/runs/densities.py
"""

import json
import subprocess
import sys

TYPED = {
    "run --task folder[path=nowhere]": "nowhere is no folder",
    "run --model nowhere.py:Net": "There is no file nowhere.py",
    "run --weights nowhere.pt": "nowhere.pt cannot be read (there is no such file)",
    "run --set lr=fast": "the recipe[lr]",
    "run --set epocs=3": "did you mean 'epochs'",
    "run --calibrate tests": "Thresholds cannot be set on 'tests'",
    "compare --densities x": "'x' is no density",
    "pack nowhere.json --out x": "nowhere.json cannot be read",
    "pack lenet --out x --form zip": "There is no --form 'zip'. Choose dense,",
    "pack lenet --out x --values int4": "There is no --values 'int4'",
    "serve nowhere --listen here": "--listen here is no host:port",
    "serve nowhere --metrics 99": "--metrics 99 is no host:port",
    "profile --model nowhere.json --out x": "nowhere.json cannot be read",
    "replay --trace nowhere.csv": "There is no file nowhere.csv",
    "deploy --record nowhere.json": "nowhere.json cannot be read",
    "fleet --record nowhere.json --deadline 0.1": "nowhere.json cannot be read",
    "serve nowhere": "nowhere holds no manifest.json",
    "serve nowhere.json": "nowhere.json cannot be read",
    "device nowhere --server 127.0.0.1:9": "nowhere holds no manifest.json",
    "device nowhere --server 127.0.0.1": "--server 127.0.0.1 is no host:port",
    "device nowhere --server 127.0.0.1:99999": "--server 127.0.0.1:99999 is no host:port",
    "link --to 127.0.0.1": "--to 127.0.0.1 is no host:port",
    "run-exits nowhere": "nowhere/manifest.json cannot be read",
    "partition nowhere.json": "nowhere.json cannot be read",
    "plan --task nowhere": "There is no record of a task 'nowhere'",
    "show nowhere.json": "nowhere.json cannot be read",
    "verify nowhere": "nowhere cannot be read",
}
CODE = """
import contextlib, io, json, sys
sys.modules["torch"] = None
from bench import cli
said = {}
for typed in json.loads(sys.argv[1]):
    sys.argv, error = ["seesaw", *typed.split()], io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.suppress(SystemExit):
        cli.main()
    said[typed] = " ".join(error.getvalue().split())
print(json.dumps(said))
"""


def test_files_folders_and_words_that_are_wrong_are_named_before_pytorch_is_loaded(tmp_path):
    words = [sys.executable, "-c", CODE, json.dumps(list(TYPED))]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    assert {typed: said[typed] for typed, sentence in TYPED.items() if sentence not in said[typed]} == {}
