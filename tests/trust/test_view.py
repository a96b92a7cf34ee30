"""What is loaded is what is listed: nothing beside the locked files reaches a loader."""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from lockfiles import digest
from lockfiles.errors import DigestDiffers, TunelockError, UsageProblem
from lockfiles.lock import Lock
from planner.machines.probes import digests
from planner.plan.gather import gather
from planner.plan.plan import plan
from runner.inputs import verify, view
from tests.planned import MACHINE, answers, few_rows
from tests.trust.hostile_models import INDEX, plant, read_safetensors, shard, write_safetensors


@pytest.fixture(scope="module", params=["one file", "shards"])
def planned(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's files, the weights in one file or two."""
    made = few_rows(tmp_path_factory.mktemp("planned"))
    if request.param == "shards":
        shard(made / "base")
    return made


@pytest.fixture(scope="module")
def lock(planned: Path) -> Lock:
    return plan(answers(), gather(answers(), planned, machine=MACHINE))


@pytest.fixture
def base(planned: Path, tmp_path: Path) -> Path:
    """A copy of the model's folder, to change."""
    return Path(shutil.copytree(planned / "base", tmp_path / "base"))


def tensors(folder: Path) -> str:
    """Return the digest of what a folder's weights hold."""
    return digest.of_tensors(sorted(folder.glob("*.safetensors")))


def test_a_view_holds_exactly_the_listed_files(lock: Lock, base: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("private")
    plant(base, tmp_path / "secret")
    listed = sorted(file.name for file in lock.model.files)
    with verify.model_of(lock, base) as found:
        assert sorted(os.listdir(found.folder)) == listed
        assert found.folder.stat().st_mode & 0o777 == 0o700
        links = [path.name for path in found.folder.iterdir() if path.is_symlink()]
        assert all(name.endswith(".safetensors") for name in links)
        assert all(digest.of_file(found.folder / f.name) == f.sha256 for f in lock.model.files)
    assert not found.folder.exists()


def test_a_library_loads_the_listed_weights(lock: Lock, base: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    (tmp_path / "secret").write_text("private")
    plant(base, tmp_path / "secret")
    with verify.model_of(lock, base) as found:
        right = tensors(found.folder)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            found.folder, use_safetensors=True, trust_remote_code=False, local_files_only=True
        )
        model.save_pretrained(tmp_path / "saved")
    assert tensors(tmp_path / "saved") == right


def test_what_a_killed_stage_left_of_a_view_is_removed(
    lock: Lock, base: Path, tmp_path: Path
) -> None:
    old = tmp_path / "work" / f"{view.PREFIX}1-old"
    old.mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "work" / f"{view.PREFIX}2-link").symlink_to(outside)
    with (
        verify.model_of(lock, base, tmp_path / "work"),
        verify.model_of(lock, base, tmp_path / "work") as second,
    ):
        assert (second.folder / "config.json").is_file()
        assert not old.exists()
    assert outside.is_dir()


def weights_of(folder: Path) -> Path:
    return min(folder.glob("*.safetensors"))


def elsewhere(path: Path) -> None:
    """Move a file out of its folder, and leave a link to it."""
    target = path.parents[1] / f"moved-{path.name}"
    path.rename(target)
    path.symlink_to(target)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def huge(path: Path) -> None:
    """Make a file a terabyte long without taking the room."""
    os.truncate(path, 1 << 40)


def folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["weights", "config.json", "tokenizer.json"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (elsewhere, 2), (fifo, 2), (endless, 2), (circle, 2), (folder_there, 2),
        (Path.unlink, 2), (huge, 5), (flipped, 5),
    ],
)  # fmt: skip
def test_a_file_that_is_not_the_locked_one_is_refused(
    lock: Lock, base: Path, name: str, change: Callable[[Path], None], code: int
) -> None:
    path = weights_of(base) if name == "weights" else base / name
    change(path)
    begun = time.monotonic()
    with pytest.raises(TunelockError) as refused:
        verify.check_model(lock, base)
    assert time.monotonic() - begun < 1.0
    assert refused.value.exit_code == code
    assert path.name in refused.value.sentence and refused.value.hint


def test_a_link_inside_the_folder_and_in_the_hubs_cache_is_followed(
    lock: Lock, base: Path, tmp_path: Path
) -> None:
    (base / "config.json").rename(base / "real")
    (base / "config.json").symlink_to("real")
    verify.check_model(lock, base)
    repository = tmp_path / "models--maker--base"
    (repository / "blobs").mkdir(parents=True)
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.parent.mkdir()
    (base / "config.json").unlink()
    (base / "real").rename(base / "config.json")
    base.rename(snapshot)
    for file in lock.model.files:
        (snapshot / file.name).rename(repository / "blobs" / file.sha256)
        (snapshot / file.name).symlink_to(f"../../blobs/{file.sha256}")
    verify.check_model(lock, snapshot)
    (repository / "blobs" / lock.model.files[0].sha256).rename(tmp_path / "outside")
    (repository / "blobs" / lock.model.files[0].sha256).symlink_to(tmp_path / "outside")
    with pytest.raises(UsageProblem, match="is a link to a file outside"):
        verify.check_model(lock, snapshot)


def test_weights_that_change_while_they_are_used_are_refused(lock: Lock, base: Path) -> None:
    path = weights_of(base)
    with verify.model_of(lock, base) as found:
        os.utime(path)
        found.check()  # other times, the same bytes
        with pytest.raises(DigestDiffers, match="was changed while it was in use"):
            flipped(path)
            found.check()
        flipped(path)
    replaced = base.parent / "replaced"
    with (
        pytest.raises(DigestDiffers, match="was changed"),
        verify.model_of(lock, base),
    ):
        shutil.copy(path, replaced)
        flipped(replaced)
        replaced.replace(path)


FACTS: dict[str, object] = {
    "family": "qwen2", "parameters": 7, "dtype": "F32", "context_tokens": 255,
}  # fmt: skip


@pytest.mark.parametrize("field", [*FACTS, "hidden", "layers", "tied", "mlp_bias"])
def test_a_fact_that_the_files_contradict_is_named(lock: Lock, base: Path, field: str) -> None:
    shape = dict(lock.model.architecture)
    if field in FACTS:
        changes = {field: FACTS[field]}
    else:
        changes = {"architecture": shape | {field: 8 if field in ("hidden", "layers") else None}}
    other = lock.model_copy(update={"model": lock.model.model_copy(update=changes)})
    with pytest.raises(DigestDiffers) as differs:
        verify.check_model(other, base)
    assert field in differs.value.sentence


def test_a_lock_from_before_a_field_was_counted_still_holds(lock: Lock, base: Path) -> None:
    shape = dict(lock.model.architecture)
    for name in ("head_bias", "norms_per_layer", "mlp_bias"):
        shape.pop(name, None)
    fields = {"architecture": shape}
    verify.check_model(
        lock.model_copy(update={"model": lock.model.model_copy(update=fields)}), base
    )


def listed(lock: Lock, *names: str) -> Lock:
    """Return a lock that lists these files."""
    first = lock.model.files[0]
    files = [first.model_copy(update={"name": name}) for name in names]
    return lock.model_copy(update={"model": lock.model.model_copy(update={"files": files})})


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("config.json", "tokenizer.json"),
        ("config.json", "model.safetensors"),
        ("config.json", "tokenizer.json", "a.safetensors"),
        ("config.json", "tokenizer.json", "model.safetensors", "a.safetensors"),
        ("config.json", "tokenizer.json", "model.safetensors", "Config.json"),
        ("config.json", "tokenizer.json", "model.safetensors", "pytorch_model.bin"),
        ("config.json", "tokenizer.json", "model.safetensors", "custom_generate/generate.py"),
        ("config.json", "tokenizer.json", "model.safetensors", "sub/tokenizer.json"),
    ],
)
def test_a_list_that_is_no_models_is_refused(
    lock: Lock, base: Path, names: tuple[str, ...]
) -> None:
    with pytest.raises(UsageProblem, match="The lock's list of model files "):
        verify.check_model(listed(lock, *names), base)


def test_an_index_that_names_other_shards_is_refused(tmp_path: Path) -> None:
    folder = few_rows(tmp_path / "made") / "base"
    spread = shard(folder)
    first, second = sorted(set(spread.values()))
    some = next(name for name, file in spread.items() if file == first)

    def refused(where: Mapping[str, object]) -> str:
        (folder / INDEX).write_text(json.dumps({"weight_map": where}))
        with pytest.raises(TunelockError) as caught:
            gather(answers(), folder.parent, machine=MACHINE)
        return caught.value.sentence

    assert "is missing" in refused(spread | {"x": "../secret.safetensors"})
    assert "is missing" in refused(spread | {"x": 3})
    assert "names no file" in refused({})
    assert f"`{second}` contains" in refused(spread | {some: second})
    header, body = read_safetensors(folder / first)
    write_safetensors(folder / second, header, body)
    assert "both contain" in refused(spread)


def counterfeit(path: Path) -> None:
    """Change a byte of a file, and keep its size and `mtime`."""
    before = path.stat()
    flipped(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture
def remembering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep digests of files of any size and age, on any file system, in an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(digests, "LEAST_BYTES", 0)
    monkeypatch.setattr(digests, "SETTLED_SECONDS", 0.0)
    monkeypatch.setattr(digests, "_is_traced", lambda _: True)


@pytest.mark.usefixtures("remembering")
def test_weights_that_changed_since_they_were_compared_are_refused(lock: Lock, base: Path) -> None:
    verify.check_model(lock, base)
    verify.check_model(lock, base)
    counterfeit(weights_of(base))
    for meanwhile in (False, True):
        with (
            pytest.raises(DigestDiffers, match=r"does not match .*safetensors"),
            verify.model_of(lock, base, meanwhile=meanwhile),
        ):
            pass


def test_weights_are_compared_while_the_view_is_in_use(lock: Lock, base: Path) -> None:
    going_on = threading.Event()

    def slowly(descriptor: int) -> str:
        assert going_on.wait(10)
        return digest.of_descriptor(descriptor)

    with verify.model_of(lock, base, sha256=slowly, meanwhile=True) as found:
        assert tensors(found.folder)
        going_on.set()
        found.check()
    flipped(weights_of(base))
    with (
        pytest.raises(DigestDiffers, match=r"does not match .*safetensors"),
        verify.model_of(lock, base, meanwhile=True) as found,
    ):
        found.check()
        pytest.fail("the changed weights could be used")


def test_that_weights_differ_takes_precedence_over_what_they_cause(lock: Lock, base: Path) -> None:
    with pytest.raises(UsageProblem, match="cannot"), verify.model_of(lock, base, meanwhile=True):
        raise UsageProblem("The model cannot be loaded.")
    flipped(weights_of(base))
    with (
        pytest.raises(DigestDiffers, match=r"does not match .*safetensors"),
        verify.model_of(lock, base, meanwhile=True),
    ):
        raise UsageProblem("The model cannot be loaded.")


@pytest.mark.usefixtures("remembering")
def test_check_reads_what_run_remembers(lock: Lock, base: Path, tmp_path: Path) -> None:
    verify.check_model(lock, base)
    kept = tmp_path / "cache" / "tunelock" / digests.FILE
    value = json.loads(kept.read_text())
    for one in value["files"]:
        one["sha256"] = "f" * 64
    kept.write_text(json.dumps(value))
    with pytest.raises(DigestDiffers):
        verify.check_model(lock, base)
    with verify.model_of(lock, base, sha256=digests.computed):
        pass
    verify.check_model(lock, base)
