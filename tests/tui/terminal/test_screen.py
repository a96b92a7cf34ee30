"""A screen that breaks says so in a sentence, in which nothing acts."""

import subprocess

from tests.programs import command


def test_a_fault_of_a_screen_or_of_its_worker_is_one_sentence() -> None:
    for place in ("mount", "worker"):
        done = subprocess.run(command("failing_screen", place), capture_output=True, text=True)
        assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
        first, second = done.stderr.splitlines()[-2:]
        assert first == "error: It broke." and second.startswith("  ") and r"\x1b[2J" in second
        assert "\x1b[2J" not in done.stdout + done.stderr
