"""The catalogue of features: what each means, in which unit, over which window, from what, and what absence becomes.

Run as `rapport features [--like TEXT] [--json]` in the project's root, once the featurize stage has run.
"""

import shutil
from typing import Annotated

import typer

from .contracts.errors import ArtifactError
from .features.declare import Feature
from .report.catalogue import like, print_catalogue
from .report.terminal import new_console
from .store.console import new_app, run
from .store.documents import read_json, to_json
from .store.project import FEATURES

app = new_app("List the features of the project, each with its meaning.")


@app.command()
def main(
    text: Annotated[str, typer.Option("--like", help="only features with this in name, meaning or source")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="the declarations as JSON")] = False,
) -> None:
    """Print what data/features/features.json declares."""
    features = declared()
    found = like(features, text)
    if as_json:
        print(to_json([feature.as_dict() for feature in found]), end="")
        return
    console = new_console()
    console.width = shutil.get_terminal_size((console.width, 24)).columns
    print_catalogue(found, len(features), console)


def declared() -> list[Feature]:
    """Return the features of the project.

    Raises:
        ArtifactError: the featurize stage has not run, or ran before features were declared as they are now.
    """
    path = FEATURES / "features.json"
    if not path.is_file():
        fix = "run `dvc repro featurize`, in the project's root"
        raise ArtifactError(str(path), "the declarations that the featurize stage writes", "no file", fix)
    try:
        return [Feature(**fields) for fields in read_json(path)]
    except TypeError:
        expected = "declarations of name, meaning, unit, source, window_days and missing"
        raise ArtifactError(str(path), expected, "others", "run `dvc repro featurize`") from None


if __name__ == "__main__":
    run(app)
