"""Whether other processes may import the main module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CALL = "print(main_can_be_imported())"
SCRIPTS = {
    "plain": (CALL, False),
    "guarded": (f"if __name__ == '__main__':\n    {CALL}", True),
    "in a function": (f"def f():\n    {CALL}\nif '__main__' == __name__:\n    f()", True),
    "after the guard": (f"if __name__ == '__main__':\n    pass\n{CALL}", False),
    "in its else": (f"if __name__ != '__main__':\n    pass\nelse:\n    {CALL}", False),
    "in a thread": (f"import threading\nthreading.Thread(target=lambda: {CALL}).start()", False),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_can_where_the_call_is_guarded(tmp_path: Path, name: str):
    """Ground truth: whether importing the script under another name comes to the call."""
    code, expected = SCRIPTS[name]
    script = tmp_path / "script.py"
    script.write_text(f"from latephase.core.workers import main_can_be_imported\n{code}\n")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{expected}\n", "")


def test_code_without_a_file_can():
    """Ground truth: nothing is imported of `python -c` and of a notebook."""
    code = f"from latephase.core.workers import main_can_be_imported; {CALL}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True\n"
