"""The house keeps its walls: no circles, no loose files, and every module in a contract."""

from tests import house


def test_no_files_import_each_other_in_a_circle() -> None:
    assert house.circle(house.files()) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    assert house.circle(house.folders()) == []


def test_a_circle_is_found() -> None:
    assert house.circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}})


def test_every_module_stands_in_a_room() -> None:
    assert house.loose() == house.LOOSE


def test_every_module_stands_in_a_layer() -> None:
    """Those named have entries of their own: a program's start, and the floor's own packages."""
    assert house.outside_contracts() == {"runner.__main__"}
