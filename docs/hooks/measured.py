"""What the pages show of benchmarks and searches, read from their tables."""

import functools

import pandas as pd
import values


class Measurement:
    """Reads what one benchmark wrote into docs/results/performance.

    Args:
        name: String, name of the benchmark.
        directory: Path of the CSV files.
    """

    def __init__(self, name, directory=values.RESULTS / "performance"):
        self.path = directory / f"{name}.csv"

    @functools.cached_property
    def rows(self):
        """DataFrame of the file."""
        return pd.read_csv(self.path, keep_default_na=False, na_values=[""])

    def select(self, **keys):
        """Returns the rows with given values."""
        return values.select_rows(
            self.rows, keys, f"{self.path.name} has no row"
        )

    def value(self, column, decimals=2, **keys):
        """Formats the value of the one row with given values."""
        return values.format_value(self.select(**keys)[column].item(), decimals)

    def hours(self, num_steps, **keys):
        """Formats how long so many steps of the one row take, in hours."""
        milliseconds = self.select(**keys).milliseconds.item()
        return values.format_value(num_steps * milliseconds / 3.6e6, 0)

    def extremes(self, column, decimals=2, otherwise=None, **keys):
        """Formats the lowest and the highest value of rows.

        Args:
            column: String.
            decimals: Integer.
            otherwise: String to return without such a row, or `None` if that
                is an error.
            **keys: Values of columns.
        """
        if otherwise and values.find_rows(self.rows, keys).empty:
            return otherwise
        found = self.select(**keys)[column].dropna()
        ends = [
            values.format_value(x, decimals) for x in (found.min(), found.max())
        ]
        return " to ".join(dict.fromkeys(ends))

    def table(self, titles, decimals=2, **keys):
        """Returns a table of the rows with given values.

        Args:
            titles: Dictionary from the columns to show to their titles.
            decimals: Integer, or dictionary from columns to integers.
            **keys: Values of columns.
        """
        return self._format(self.select(**keys), titles, decimals)

    def pivot(self, row, column, value, decimals=2, **keys):
        """Returns a table of the medians of one value by two columns."""
        found = self.select(**keys).dropna(subset=value)
        table = found.pivot_table(
            index=row, columns=column, values=value, aggfunc="median"
        )
        # In the order of the file.
        table = table.reindex(
            index=found[row].unique(), columns=found[column].unique()
        ).reset_index()
        titles = {name: str(name).replace("_", " ") for name in table}
        return self._format(
            table, titles, {**dict.fromkeys(titles, decimals), row: 0}
        )

    def machine(self):
        """Says on what it was measured."""
        columns = ["processor", "num_cores", "versions"]
        (origin,) = self.rows[columns].drop_duplicates().itertuples(index=False)
        return (
            f"{origin.processor}, {origin.num_cores} cores; {origin.versions}"
        )

    @staticmethod
    def _format(table, titles, decimals):
        if isinstance(decimals, int):
            decimals = dict.fromkeys(titles, decimals)
        columns = [
            [
                values.format_value(value, decimals.get(name, 2))
                for value in table[name]
            ]
            for name in titles
        ]
        return values.make_table(titles.values(), zip(*columns, strict=True))
