"""What the name of a model says that was not read."""

from planner.catalogue import series
from planner.catalogue.lookup import model_ids, nearest_models
from planner.models.families import FAMILIES, TEXT_FAMILIES


def instead(name: str, subject: str, *, unread: bool = True) -> str:
    """Return what is known of a model by its name alone, as the end of a sentence.

    That is the known model of which the name is a misspelling, or the family that it says and a
    known model of its series and size. Without either it says so, if the model was not read.
    `subject` is what the sentence calls the model.
    """
    if near := nearest_models(name):
        return f"; the nearest known model is `{near[0]}`"
    kind = series.family(name)
    if not kind:
        return f"; of which family {subject} is, its name does not say" if unread else ""
    known = TEXT_FAMILIES.get(kind, kind) in FAMILIES
    said = f"; by its name, {subject} is of the family `{kind}`, which Tunelock "
    said += "supports" if known else "does not support yet"
    alike = series.alike(name, model_ids()) if known else ""
    return f"{said}, and of the series and size of `{alike}`" if alike else said
