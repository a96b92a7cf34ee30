"""What a plan must know of a kind of stage."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lockfiles.fixes import Answer
from lockfiles.harmless import one_line
from planner.questions.question import Question

if TYPE_CHECKING:
    from planner.models.held import Held

Settings = dict[str, str | int | bool | list[str]]


class Answers(Protocol):
    """A person's answers by key, each in the type of its question."""

    def text(self, key: str) -> str:
        """Return the answer to a text, path or choice."""

    def integer(self, key: str) -> int:
        """Return the answer to an integer."""

    def number(self, key: str) -> float:
        """Return the answer to a number."""

    def flag(self, key: str) -> bool:
        """Return the answer to a boolean."""

    def chosen(self, key: str) -> tuple[str, ...]:
        """Return the answer to a choice of several."""


@dataclass(frozen=True)
class Wanted:
    """What the stages of a plan follow from."""

    answers: Answers
    adapter: bool
    """Whether an adapter is trained, and not all weights."""
    splits: Set[str]
    """Those that the data has."""
    family: str
    """Of the base model."""
    trains: bool = True
    """Whether anything is trained."""

    @property
    def held(self) -> str:
        """The held-out split that later stages measure; empty without one."""
        return next((name for name in ("test", "validation") if name in self.splits), "")


@dataclass(frozen=True)
class Sizes:
    """The sizes that the disk space of a stage follows from."""

    parameters: int
    """Of the base model."""
    dtype: str
    """The type that most of them are stored in, as safetensors names it: `BF16`."""
    trained_bytes: int
    """The trained weights."""
    checkpoint_bytes: int = 0
    """A checkpoint of the training; 0 for the trained weights and two values of the optimizer for
    each."""


def _one(wanted: Wanted) -> list[Settings]:
    return [{}]


def _nothing(sizes: Sizes, settings: Mapping[str, Any]) -> int:
    return 0


def _any_base(model: Path, trains: bool, template: str, held: "Mapping[str, Held] | None") -> None:
    """Work on every base model."""


def _no_files(sizes: Sizes) -> Mapping[str, int]:
    return {}


@dataclass(frozen=True)
class PlannedKind:
    """One kind of stage, as far as a plan depends on it."""

    leaves: str
    """What such a stage leaves, in a few words."""
    title: str = ""
    """The name of its work in a sentence: `GGUF export`."""
    questions: tuple[Question, ...] = ()
    """What it asks in the interview."""
    skip: Answer | None = None
    """The answer with which a plan has no such stage; None where every plan has one."""
    settings: Callable[[Wanted], list[Settings]] = _one
    """Returns the settings of each stage of this kind that is wanted. Raises UsageProblem."""
    families: tuple[str, ...] = ()
    """The families of base models that it can work on; empty for all."""
    check_base: "Callable[[Path, bool, str, Mapping[str, Held] | None], None]" = _any_base
    """Checks the base model in a folder, by its configuration and tokenizer. The second argument
    says whether it is trained and saved before, the third is a chat template that replaces its own,
    or empty; the fourth has its tensors by name, None if they are not to be checked. Raises
    UsageProblem if this kind of stage cannot work on it."""
    tables: tuple[str, ...] = ()
    """The tables of the lock that it reads, besides its own settings; `packages` among them where
    it needs some of its own."""
    untrained_tables: tuple[str, ...] = ()
    """Those that it reads in a lock that trains nothing."""
    untrained_keys: tuple[str, ...] = ()
    """The keys of its questions that are also asked where nothing is trained."""
    export: Answer | None = None
    """A usual answer that asks for it where nothing is trained, and is enough for such a run;
    None where it needs another stage's result, or training."""
    reads_test: bool = True
    """Whether the rows of the test split are among what it reads of `data` and `fix`."""
    reads_neutral: bool = False
    """Whether it reads the tables that no other kind reads."""
    disk_bytes: Callable[[Sizes, Mapping[str, Any]], int] = _nothing
    """From the sizes and its settings to the most disk space that it takes."""
    file_bytes: Callable[[Sizes], Mapping[str, int]] = _no_files
    """The size of each file that it can be asked for, by the name of the file's kind."""

    def unknown_family(self, family: str) -> str:
        """Return why it cannot work on a family of models, as a sentence; empty where it can."""
        if not self.families or family in self.families:
            return ""
        known = ", ".join(f"`{name}`" for name in self.families)
        named = one_line(family, most=40)
        return f"{self.title} does not support the family `{named}` yet, only {known}."


def of_kind(name: str) -> PlannedKind:
    """Return the record of a kind of the lock's closed table."""
    found: PlannedKind = import_module(f"planner.pipeline.{name}").KIND
    return found
