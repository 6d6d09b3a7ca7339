"""A corpus in one archive: a tar or zip with ``ref/`` and ``hyp/``, paired by `nedc_bench.annotations.layout`.

Nothing is unpacked to disk, and only the files of pairs are read, with the BIDS sidecars beside them. Names that leave
their folder, links, devices, encrypted entries and bombs are refused before they take memory. A bomb is an archive
whose content exceeds the upload limit, or which holds many other files. An archive that is damaged, cut or followed by
other data is refused, since entries could be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from nedc_bench.annotations.layout import Layout, pair_names, sidecars_of, split_sides
from nedc_bench.api.archive_entries import Entries, Take
from nedc_bench.api.archive_tar import TarEntries
from nedc_bench.api.archive_zip import ZIP, ZipEntries
from nedc_bench.api.errors import ProblemError
from nedc_bench.errors import Finding, InputError, refusal
from nedc_bench.execution import PairInput

REMEDY = "send a zip, or a tar (plain, or compressed with gzip, bzip2 or xz)"
FOREIGN = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "compressed with Zstandard",
    b"\x04\x22\x4d\x18": "compressed with LZ4",
    b"LZIP": "compressed with lzip",
    b"MZ": "a program, perhaps a self-extracting archive",
}
MAX_REASON = 300  # characters of the readers' own messages


def read_archive(
    name: str,
    data: bytes | bytearray,
    *,
    max_pairs: int,
    max_bytes: int,
    take: Take,
    pattern: str | None = None,
    missing: str = "refuse",
    channels: str = "refuse",
) -> tuple[list[PairInput], tuple[Finding, ...]]:
    """The pairs of an archive, in the order of the references' names, and warnings about them.

    Args:
        max_bytes: the limit for the content of all files together.
        take: reserves memory for bytes held besides ``data``, see `nedc_bench.api.budget`.
        pattern, missing, channels: as for folders, see `nedc_bench.annotations.layout.pair_names`.

    Raises:
        InputError: it is not an archive, an entry is refused, or a file has no counterpart.
        ProblemError: 503, there is no memory left.
    """
    what = next((what for magic, what in FOREIGN.items() if data.startswith(magic)), None)
    if what is not None:
        _refuse(name, f"is {what}; {REMEDY}")
    try:
        kind = ZipEntries if data.startswith(ZIP) else TarEntries
        archive = kind(name, data, most_bytes=max_bytes, most_files=2 * max_pairs, take=take)
        sides = split_sides(archive.names(), name)
        layout = pair_names(
            sides["reference"],
            sides["hypothesis"],
            pattern=pattern,
            missing=missing,
            channels=channels,
            reference_folder=f"{name}: ref",
            hypothesis_folder=f"{name}: hyp",
        )
        if len(layout.pairs) > max_pairs:
            message = f"holds {len(layout.pairs)} pairs, more than {max_pairs} (MAX_PAIRS); send fewer at a time"
            _refuse(name, message, "size")
        return _pairs(layout, sides, archive), layout.warnings
    except (InputError, ProblemError):
        raise
    except Exception as error:  # noqa: BLE001  # over damage the readers raise anything
        _refuse(name, f"is not a whole tar or zip file: {str(error)[:MAX_REASON]}; make it again, or send it again")


def _pairs(layout: Layout, sides: Mapping[str, Mapping[str, str]], archive: Entries) -> list[PairInput]:
    """The pairs with their content, and the sidecars beside them."""
    references = [_entries(pair.reference, sides["reference"]) for pair in layout.pairs]
    hypotheses = [_entries(pair.hypothesis, sides["hypothesis"]) for pair in layout.pairs]
    content = archive.read([entry for pair in (*references, *hypotheses) for entry in pair if entry])
    pairs = []
    for (ref, hyp), reference, hypothesis in zip(layout.pairs, references, hypotheses, strict=True):
        pair = PairInput.of(
            content[reference[0]],
            f"ref/{ref}",
            content.get(hypothesis[0]),
            f"hyp/{hyp}" if hyp else f"(none for {ref})",
            sidecars=(content.get(reference[1], b""), content.get(hypothesis[1], b"")),
        )
        pairs.append(pair)
    return pairs


def _entries(name: str | None, side: Mapping[str, str]) -> tuple[str, str]:
    """The entry of a file, and that of its BIDS sidecar; empty if there is none."""
    if name is None:
        return "", ""
    return side[name], next((side[other] for other in sidecars_of(name) if other in side and other != name), "")


def _refuse(archive: str, message: str, code: str = "archive") -> NoReturn:
    raise refusal(code, message, file=archive) from None
