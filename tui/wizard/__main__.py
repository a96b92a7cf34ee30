"""`python -m tui.wizard`: the wizard in the current folder."""

from pathlib import Path

from tui.terminal import output


def main() -> None:
    """Run the wizard here, and report at the end what it wrote."""
    output.note("tunelock: starting the wizard")
    from tui.wizard.app import run_wizard

    result = run_wizard(Path.cwd())
    for path in (result.run_toml, result.run_lock):
        if path:
            output.note(f"wrote {path.name}")
    if result.kind == "left":
        output.note("left; your answers are saved, and the next start offers to continue")


if __name__ == "__main__":
    output.guarded(main)
