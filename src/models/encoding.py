"""From a feature table to the float32 matrix of LightGBM; training fixes its columns and categories.

Numbers stay numbers, booleans become 0/1, a category becomes its index in the stored list, and both a missing and an
unknown category become missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..contracts.errors import InputError


@dataclass(frozen=True)
class Encoding:
    """The columns of the matrix.

    Attributes:
        names: feature columns, in matrix order.
        categories: for each category column, its values in code order.
    """

    names: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, table: pd.DataFrame, features: Sequence[tuple[str, str]], max_categories: int) -> "Encoding":
        """Return the encoding of a training table.

        Args:
            table: rows to learn from.
            features: (column, unit) pairs; unit `category` marks text.
            max_categories: the most frequent values kept, ties by name; the others count as missing.
        """
        categories = {}
        for name, unit in features:
            if unit == "category":
                counts = table[name].dropna().value_counts()
                frequent = sorted(counts.index, key=lambda value: (-counts[value], value))[:max_categories]
                categories[name] = tuple(sorted(frequent))
        return cls(tuple(name for name, _ in features), categories)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Encoding":
        """Return the encoding that `as_dict` described."""
        return cls(tuple(document["names"]), {k: tuple(v) for k, v in document["categories"].items()})

    def as_dict(self) -> dict[str, Any]:
        """Return the encoding as a JSON-ready mapping."""
        return {"names": list(self.names), "categories": {k: list(v) for k, v in self.categories.items()}}

    def matrix(self, table: pd.DataFrame) -> NDArray[np.float32]:
        """Return the matrix of a table, shape (rows, len(names)).

        Raises:
            InputError: a column is absent or holds text where training had numbers.
        """
        absent = [name for name in self.names if name not in table.columns]
        if absent:
            fix = "build the table with the featurize stage that belongs to this model"
            raise InputError("feature table", f"the columns {', '.join(absent[:5])}", "a table without them", fix)
        X = np.empty((len(table), len(self.names)), dtype=np.float32)
        for at, name in enumerate(self.names):
            X[:, at] = self._column(table[name])
        return X

    @property
    def category_indexes(self) -> list[int]:
        """Positions of the category columns in the matrix."""
        return [at for at, name in enumerate(self.names) if name in self.categories]

    def _column(self, values: pd.Series) -> NDArray[np.float32]:
        name = str(values.name)
        if name in self.categories:
            codes = pd.Index(self.categories[name], dtype="object").get_indexer(pd.Index(values, dtype="object"))
            return np.where(codes < 0, np.nan, codes).astype(np.float32)
        try:
            return values.to_numpy(dtype=np.float32, na_value=np.nan)
        except (TypeError, ValueError) as fault:
            fix = "give numbers, or train again with this column as text"
            raise InputError(f"feature table, column {name}", "numbers", str(fault), fix) from None
