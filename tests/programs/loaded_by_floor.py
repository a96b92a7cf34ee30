"""Imports every module of a floor; prints which training and terminal packages that loaded."""

import importlib
import pkgutil
import sys

HEAVY = ("torch", "transformers", "datasets", "textual", "rich")


def main() -> None:
    floor = importlib.import_module(sys.argv[1])
    for module in pkgutil.walk_packages(floor.__path__, f"{floor.__name__}."):
        importlib.import_module(module.name)
    print([name for name in HEAVY if name in sys.modules])


if __name__ == "__main__":
    main()
