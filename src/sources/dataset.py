"""What is known of a public dataset: its files, where they are published, their checksums and licence."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetFile:
    """One file of a dataset.

    Attributes:
        name: as the adapter reads it.
        url: the public address; None where no lasting one is known.
        sha256: of the published file first, then of other copies with the same content; empty where unknown.
        instead_of: the file that this one replaces when both are acceptable and that one is not there.
    """

    name: str
    url: str | None = None
    sha256: tuple[str, ...] = ()
    instead_of: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A public dataset that an adapter reads.

    Attributes:
        name: of the adapter.
        about: one line for people.
        files: what the folder holds.
        page: where a person reads about it.
        licence: as the publisher states it.
    """

    name: str
    about: str
    files: tuple[DatasetFile, ...]
    page: str
    licence: str

    @property
    def needed(self) -> str:
        """The files to have, for messages.

        >>> Dataset("d", "", (DatasetFile("a.csv"), DatasetFile("b"), DatasetFile("c", instead_of="b")), "", "").needed
        'a.csv, b (or c)'
        """
        others = {file.instead_of: file.name for file in self.files if file.instead_of}
        names = [file.name for file in self.files if not file.instead_of]
        return ", ".join(f"{name} (or {others[name]})" if name in others else name for name in names)

    @property
    def advice(self) -> str:
        """How to get the files, for messages.

        >>> Dataset("d", "", (DatasetFile("a", "https://example.org"), DatasetFile("b", instead_of="a")), "", "").advice
        'run `rapport fetch d`'
        >>> Dataset("d", "", (DatasetFile("a.csv"),), "published by the city", "").advice
        'get a.csv (published by the city)'
        """
        fetched = all(file.url for file in self.files if file.instead_of is None)
        return f"run `rapport fetch {self.name}`" if fetched else f"get {self.needed} ({self.page})"
