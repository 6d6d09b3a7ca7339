"""A table of subjects or recordings: BIDS's ``participants.tsv``, or any CSV or TSV with a header.

    participant_id	age	sex
    sub-001	34	F

Columns are separated by tabs, or by commas if the header has no tab. The first column named in `SUBJECT_COLUMNS` or
`RECORDING_COLUMNS` says what a row describes. Recordings are named by their files, with or without folder and suffix.
``n/a`` and empty fields are missing values.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from nedc_bench.annotations.layout import split_suffix
from nedc_bench.annotations.source import Source, read_text
from nedc_bench.checks import repeated
from nedc_bench.errors import InputError, quoted, refusal
from nedc_bench.scoring.szcore_figures import subject_of

SUBJECT_COLUMNS = ("participant_id", "subject", "subject_id", "patient", "patient_id")
RECORDING_COLUMNS = ("recording", "recording_id", "file", "filename")
NOTHING = ("", "n/a")


@dataclass(frozen=True, slots=True)
class Row:
    """A row's line in its file, and its values by column."""

    line: int
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """Data about subjects or recordings.

    Attributes:
        name, sha256: of its file.
        columns: the names of the columns.
        of_recordings: whether a row describes a recording, not a subject.
        rows: by subject or recording.
    """

    name: str
    sha256: str
    columns: tuple[str, ...]
    of_recordings: bool
    rows: dict[str, Row]

    def row(self, recording: str) -> Row:
        """The row of the recording with this file name.

        Raises:
            InputError: the table has none.
        """
        names = _names(recording) if self.of_recordings else _subjects(recording)
        for name in names:
            if name in self.rows:
                return self.rows[name]
        if not names:
            message = f"the name of {quoted(recording)} does not name a subject; give a table with a column 'recording'"
            raise refusal("participants", message, file=self.name)
        what = "recording" if self.of_recordings else "subject"
        message = f"has no row for the {what} {quoted(names[0])} (of {quoted(recording)}); "
        message += "add one, with n/a for unknown values"
        raise refusal("participants", message, file=self.name)

    def subject(self, recording: str) -> str | None:
        """The subject of a recording: from the subject column of a table of recordings, else from the file name."""
        if self.of_recordings:
            for column in SUBJECT_COLUMNS:
                if column in self.columns:
                    value = self.row(recording).values[column]
                    return None if value in NOTHING else value
        return subject_of(recording)


def read_table(source: Source, name: str | None = None) -> Table:
    """Read a table.

    Raises:
        InputError: no column names subjects or recordings, a row does not match the header, or a row is repeated.
    """
    text = read_text(source, name=name)
    header = text.text.split("\n", 1)[0]
    reader = csv.reader(text.text.splitlines(), delimiter="\t" if "\t" in header else ",", strict=True)
    rows: dict[str, Row] = {}
    columns: tuple[str, ...] = ()
    key = ""
    try:
        for fields in reader:
            cells = [cell.strip() for cell in fields]
            if not columns:
                columns = tuple(cells)
                key = _key(columns)
            elif any(cells):
                _add(rows, columns, key, Row(reader.line_num, dict(zip(columns, cells, strict=False))), len(cells))
    except csv.Error as error:
        raise refusal("participants", f"is not a table: {error}", file=text.name, line=reader.line_num) from None
    except InputError as error:
        raise refusal("participants", error.findings[0].message, file=text.name, line=reader.line_num) from None
    if not rows:
        raise refusal("participants", "has no row", file=text.name)
    return Table(text.name, text.sha256, columns, key in RECORDING_COLUMNS, rows)


def _key(columns: tuple[str, ...]) -> str:
    """The column that names the subjects or recordings."""
    if (twice := repeated(columns)) is not None:
        raise refusal("participants", f"has two columns {quoted(twice)}; rename or remove one")
    for column in columns:
        if column in SUBJECT_COLUMNS or column in RECORDING_COLUMNS:
            return column
    known = ", ".join((*SUBJECT_COLUMNS, *RECORDING_COLUMNS))
    raise refusal("participants", f"has no column of subjects or recordings; it may be called {known}")


def _add(rows: dict[str, Row], columns: tuple[str, ...], key: str, row: Row, fields: int) -> None:
    if fields != len(columns):
        raise refusal("participants", f"has {fields} fields; the header has {len(columns)}")
    name = row.values[key]
    if name in NOTHING:
        raise refusal("participants", f"names no {key}")
    if name in rows:
        raise refusal("participants", f"{quoted(name)} already has a row, in line {rows[name].line}")
    rows[name] = row


def _names(recording: str) -> list[str]:
    """The names that a table may use for a recording."""
    base = re.split(r"[/\\]", recording)[-1]
    plain = [parts[0] for name in (recording, base) if (parts := split_suffix(name)) is not None]
    return [recording, base, *plain]


def _subjects(recording: str) -> list[str]:
    subject = subject_of(recording)
    return [] if subject is None else [subject, subject.removeprefix("sub-")]
