"""Which files are which split: the same as the library `datasets` says of the same names."""

import json
from pathlib import Path

import pytest

from planner.hub.datasets.configs import configs
from planner.hub.datasets.kinds import Unreadable, row_files

datasets = pytest.importorskip("datasets")

Layout = tuple[str, ...]
LAYOUTS: dict[str, Layout] = {
    "one file": ("rows.jsonl",),
    "called as splits": ("train.jsonl", "test.jsonl", "validation.jsonl"),
    "other words": ("training.csv", "dev.csv", "evaluation.csv"),
    "words inside names": ("my-train.json", "my_val_set.json", "a test.json", "contrast.json"),
    "numbered": ("train_0.csv", "train_1.csv", "train2.csv", "test_0.csv"),
    "shards": (
        "data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet",
        "data/test-00000-of-00001.parquet", "data/train.parquet",
    ),
    "shards of any name": (
        "data/train_sft-00000-of-00001-abc.parquet", "data/gen-00000-of-00001.parquet",
    ),
    "folders": ("train/a.jsonl", "train/deep/b.jsonl", "test/a.jsonl", "train.jsonl"),
    "folders with marks": ("my-train/a.csv", "valid_1/a.csv", "1 test 2/b.csv"),
    "folders of configs": ("main/train/0.parquet", "other/train/0.parquet", "main/test/0.parquet"),
    "nothing called so": ("b/rows.csv", "a/more.csv", "trainer/x.csv"),
    "beside them": (
        "README.md", "dataset_infos.json", "config.json", ".gitattributes", ".hidden/train.jsonl",
        "__pycache__/test.jsonl", "data.jsonl", "LICENSE",
    ),
    "the commonest kind": ("train-a.csv", "train-b.csv", "train-c.jsonl"),
    "parquet before others": ("train.csv", "train.parquet", "train.jsonl"),
    "capital endings": ("data/train.JSONL.jsonl", "data/test.jsonl"),
}  # fmt: skip
CARDS: dict[str, tuple[str, Layout]] = {
    "one pattern": ("data_files: '*.csv'", ("a.csv", "b.csv", "sub/c.csv")),
    "a list": ("data_files: [x/*, y/**]", ("x/a.csv", "y/b.csv", "y/z/c.csv", "z.csv")),
    "splits": (
        "data_files:\n  - split: train\n    path: [a.csv, 'data/b?.csv']\n"
        "  - split: held.out\n    path: 'c/[0-9].csv'",
        ("a.csv", "data/b1.csv", "data/b22.csv", "c/1.csv", "c/x.csv"),
    ),
    "a dot in front": ("data_files: ./data/*.csv", ("data/a.csv", "b.csv")),
    "hidden on purpose": ("data_files: .kept/*.csv", (".kept/a.csv", "b.csv")),
    "any depth": ("data_files: '**/a*.csv'", ("a.csv", "x/a1.csv", "x/y/a2.csv", "x/b.csv")),
    "a folder": ("data_dir: en", ("en/train.csv", "en/test.csv", "fr/train.csv")),
    "a folder and patterns": ("data_dir: en\n  data_files: '*.csv'", ("en/a.csv", "b.csv")),
    "nothing stated": ("default: true", ("train.csv", "test.csv")),
}


def theirs(folder: Path, config: str | None = None) -> dict[str, set[str]]:
    """Return the files of each split as the library has them."""
    builder = datasets.load_dataset_builder(
        str(folder), config, cache_dir=str(folder.parent / "cache")
    )
    return {
        str(split): {Path(file).relative_to(folder).as_posix() for file in files}
        for split, files in builder.config.data_files.items()
    }


def ours(card: object, layout: Layout) -> dict[str, set[str]]:
    """Return the files of each split as they would be fetched."""
    (config,) = configs(card, layout)
    assert not config.trouble
    return {split: set(row_files(files)) for split, files in config.splits.items()}


def written(folder: Path, layout: Layout) -> Path:
    """Write files of some names."""
    for name in layout:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")
    return folder


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_names_say_the_splits(layout: Layout, tmp_path: Path) -> None:
    folder = written(tmp_path / "rows", layout)
    (folder / "README.md").unlink(missing_ok=True)
    assert ours(None, layout) == theirs(folder)


@pytest.mark.parametrize(("card", "layout"), CARDS.values(), ids=CARDS)
def test_a_card_says_the_splits(card: str, layout: Layout, tmp_path: Path) -> None:
    import yaml

    folder = written(tmp_path / "rows", layout)
    block = f"configs:\n- config_name: one\n  {card}\n"
    (folder / "README.md").write_text(f"---\n{block}---\n")
    assert ours(yaml.safe_load(block)["configs"], layout) == theirs(folder, "one")


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        (("train.jsonl.gz", "small.jsonl"), "`train.jsonl.gz` is not JSONL, JSON, CSV or Parquet"),
        (("train.ndjson",), "`train.ndjson` is no"),
        (("a.png", "b.png", "metadata.jsonl"), "`a.png` is no"),
        (("a.png", "metadata.jsonl"), "`a.png` is no"),
        (("train.arrow", "train.py"), "`train.arrow` is no"),
        (("LICENSE", "make.py"), "it has no data files"),
        (("README.md",), "it has no data files"),
    ],
)
def test_what_is_not_read_is_said(layout: Layout, said: str) -> None:
    with pytest.raises(Unreadable) as problem:
        ours(None, layout)
    assert said in str(problem.value)


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ([{"config_name": "x", "data_files": "*.csv", "sep": "\t"}], "sets `sep`"),
        ([{"config_name": "x", "data_files": "gone.csv"}], "name `gone.csv`, which is not in it"),
        ([{"config_name": "x", "data_files": "https://a/b.csv"}], "name `https://a/b.csv`"),
        ([{"config_name": "x", "data_files": "../*.csv"}], "name `../*.csv`"),
        ([{"config_name": "x", "data_files": "a**.csv"}], "name `a**.csv`"),
        ([{"config_name": "x", "data_files": [{"split": "a/b", "path": "*"}]}], "name `a/b`"),
        ([{"config_name": "x", "data_files": [{"split": "a", "path": 7}]}], "name `7`"),
        ([{"config_name": "x", "data_files": 7}], "name `7`"),
    ],
)
def test_a_card_that_cannot_be_followed_says_why(card: object, said: str) -> None:
    (config,) = configs(json.loads(json.dumps(card)), ["rows.csv", "a.csv"])
    assert said in config.trouble


@pytest.mark.parametrize("card", ["invalid YAML: …", [{"data_files": "*.csv"}], ["x"], {"a": 1}])
def test_a_card_of_another_shape_is_not_understood(card: object) -> None:
    with pytest.raises(Unreadable, match=r"the `configs` in its `README.md` are invalid"):
        configs(card, ["rows.csv"])
