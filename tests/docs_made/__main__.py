"""Writes every reference page into `docs/reference/`."""

from tests.docs_made.pages import FOLDER, PAGES


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, made in PAGES.items():
        (FOLDER / name).write_text(made(), "utf-8")


if __name__ == "__main__":
    main()
