"""Imports a module; prints which others of those named are loaded then."""

import importlib
import sys


def main() -> None:
    name, *others = sys.argv[1:]
    importlib.import_module(name)
    print([other for other in others if other in sys.modules])


if __name__ == "__main__":
    main()
