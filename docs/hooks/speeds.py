"""Tables of speed, from the CSV files that the benchmarks wrote."""

import functools

import pandas as pd
import values

MEASURED = values.ROOT / "docs" / "results" / "performance"


class Measurement:
    """Reads what one benchmark wrote.

    Args:
        name: String, name of the benchmark.
        directory: Path of the CSV files.
    """

    def __init__(self, name, directory=MEASURED):
        self.path = directory / f"{name}.csv"

    @functools.cached_property
    def rows(self):
        """DataFrame of the file."""
        return pd.read_csv(self.path, keep_default_na=False, na_values=[""])

    def value(self, column, decimals=2, **keys):
        """Writes the value of the one row with given values."""
        return _write(self._select(keys)[column].item(), decimals)

    def extremes(self, column, decimals=2, **keys):
        """Writes the lowest and the highest value of rows."""
        found = self._select(keys)[column].dropna()
        if found.nunique() == 1:
            return _write(found.iloc[0], decimals)
        return (
            f"{_write(found.min(), decimals)} to "
            f"{_write(found.max(), decimals)}"
        )

    def table(self, titles, decimals=2, **keys):
        """Writes a table of the rows with given values.

        Args:
            titles: Dictionary from the columns to show to their titles.
            decimals: Integer, or dictionary from columns to integers.
            **keys: Values of columns.
        """
        return self._write_table(
            self._select(keys)[[*titles]], titles, decimals
        )

    def pivot(self, row, column, value, decimals=2, **keys):
        """Writes a table of one value by two columns."""
        found = self._select(keys)
        found = found[found[value].notna()]
        table = found.pivot(index=row, columns=column, values=value)
        order = {
            "index": found[row].unique(),
            "columns": found[column].unique(),
        }
        table = table.reindex(**order).reset_index()
        titles = {name: str(name).replace("_", " ") for name in table}
        return self._write_table(table, titles, decimals)

    def summary(self, keys, value, decimals=2):
        """Writes the medians of one value by two columns."""
        row, column = keys
        medians = self.rows.groupby(keys, sort=False)[value].median()
        table = medians.unstack().reset_index()
        titles = {name: str(name).replace("_", " ") for name in table}
        return self._write_table(
            table,
            titles,
            {row: 0, **dict.fromkeys(self.rows[column].unique(), decimals)},
        )

    def machine(self):
        """Says on what it was measured."""
        (origin,) = (
            self.rows[["processor", "num_cores", "versions"]]
            .drop_duplicates()
            .itertuples(index=False)
        )
        return (
            f"{origin.processor}, {origin.num_cores} cores; {origin.versions}"
        )

    def _select(self, keys):
        rows = self.rows
        for column, value in keys.items():
            rows = rows[rows[column] == value]
        if rows.empty:
            raise LookupError(f"{self.path.name} has no row at {keys}")
        return rows

    def _write_table(self, table, titles, decimals):
        if isinstance(decimals, int):
            decimals = dict.fromkeys(titles, decimals)
        return values.write_table(
            titles.values(),
            [
                [
                    _write(value, decimals.get(column, 2))
                    for column, value in zip(titles, row, strict=True)
                ]
                for row in table.itertuples(index=False)
            ],
        )


def _write(value, decimals):
    """Writes a number, or a name as it is."""
    if isinstance(value, str):
        return value.replace("_", " ")
    if pd.isna(value):
        return "–"
    return f"{value:,.{decimals}f}"
