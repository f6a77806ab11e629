"""Text as UTF-8: how a file is encoded, found in its first bytes, and held against all the others."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from tabgrad._refusals import shown
from tabgrad.errors import ArgumentError, DataError

__all__ = ["Text", "text_of"]

_MARKS = (  # of UTF-32 first: those of UTF-16 begin alike
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f\x1b") | {127})
MOST_CONTROL = 0.05  # of a text's bytes: beyond, it is none
_NOT_IN_1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


@dataclass(frozen=True, eq=False)
class Text:
    """A text in UTF-8, block by block.

    Parameters
    ----------
    blocks : iterator of bytes
        Without a byte order mark, the lines ended by line feeds.
    encoding : str
        What it was encoded in.
    mark : bytes
        The byte order mark that it began with.
    newline : bytes
        What ended its first line: a line feed, a carriage return, or both.
    notes : tuple of str
        What was found out.
    """

    blocks: Iterator[bytes]
    encoding: str
    mark: bytes
    newline: bytes
    notes: tuple[str, ...]


def text_of(blocks: Iterator[bytes], name: str, told: str | None = None) -> Text:
    """The text that a file's blocks are.

    Parameters
    ----------
    blocks : iterator of bytes
    name : str
        What messages call the file.
    told : str, optional
        Its encoding, as the user knows it.

    Raises
    ------
    DataError
        Bytes that are no text, or none in this encoding, with their line: here, or when the blocks are taken.
    """
    first = next(blocks, b"")
    encoding, mark, note = _encoding_of(first, name, told)
    decoded = _utf8(chain([first], blocks), encoding, mark, name)
    begin = next(decoded, b"")
    notes = [note] if note else []
    end = begin.find(b"\n")
    newline = b"\r\n" if begin[max(end - 1, 0) : end + 1] == b"\r\n" else b"\n"
    decoded = chain([begin], decoded)
    if end < 0 and b"\r" in begin:
        newline = b"\r"
        notes.append(f"The lines of {name} end with carriage returns alone.")
        decoded = (block.replace(b"\r", b"\n") for block in decoded)
    return Text(decoded, encoding, mark, newline, tuple(notes))


def _encoding_of(first: bytes, name: str, told: str | None = None) -> tuple[str, bytes, str]:
    """How a text is encoded.

    Parameters
    ----------
    first : bytes
        Its first block.
    name : str
        What messages call it.
    told : str, optional
        The encoding that the user knows, by one of Python's names.

    Returns
    -------
    encoding : str
    mark : bytes
        The byte order mark that it begins with, if any.
    note : str
        What to say of it.

    Raises
    ------
    DataError
        The bytes are no text.
    """
    mark, found = next(((mark, each) for mark, each in _MARKS if first.startswith(mark)), (b"", ""))
    if told is not None:
        return _known(told), mark if found == _known(told) else b"", ""
    if found:
        return found, mark, f"{name} is encoded in {found.upper()}, as its byte order mark says."
    sample = first[:65536]
    even, odd = (part.count(0) / max(len(part), 1) for part in (sample[::2], sample[1::2]))
    if max(even, odd) > 0.3 and min(even, odd) < 0.05:  # of text in Latin letters every other byte is zero
        found = "utf-16-le" if odd > even else "utf-16-be"
        return found, b"", f"{name} is encoded in {found.upper()}, by the zeros between its letters."
    control = len(sample) - len(sample.translate(None, CONTROL))
    if control > max(MOST_CONTROL * len(sample), 16):
        raise DataError(f"{name} is no text: {control} of its first {len(sample)} bytes are control characters.")
    return "utf-8", b"", ""


def _utf8(blocks: Iterator[bytes], encoding: str, mark: bytes, name: str) -> Iterator[bytes]:
    """A text in UTF-8, block by block, without its byte order mark.

    Raises
    ------
    DataError
        A byte that is none of the encoding, or a NUL, with its line; of UTF-8 with the encoding that it looks like.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    plain = encoding in ("utf-8", "ascii")
    line, pending = 1, False
    for count, given in enumerate(blocks):
        block = given[len(mark) :] if count == 0 else given
        if not (plain and not pending and block.isascii()):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                raise DataError(_undecoded(error, encoding, name, line)) from None
            except UnicodeError as error:  # UTF-16 that does not say which of its two kinds it is
                raise DataError(f"{name} is not {encoding.upper()}: {error}.") from None
            pending = bool(decoder.getstate()[0])
            block = block if plain else text.encode("utf-8", "surrogatepass")
        if b"\0" in block:
            place = line + block[: block.index(0)].count(b"\n")
            raise DataError(f"{name} holds a NUL byte in line {place}: it is damaged, or no text. Remove it.")
        line += block.count(b"\n")
        yield block
    if pending:
        raise DataError(f"{name} ends within a character of {encoding.upper()}, in line {line}: it is cut off.")


def _known(encoding: str) -> str:
    try:
        b"".decode(encoding)
        return codecs.lookup(encoding).name
    except LookupError:
        raise ArgumentError(
            f"'encoding' of read must be an encoding of Python, for instance 'utf-8', 'latin-1', 'cp1252', 'utf-16'. "
            f"Got {shown(encoding)}."
        ) from None


def _undecoded(error: UnicodeDecodeError, encoding: str, name: str, line: int) -> str:
    """Where the first byte is that cannot be read, and in what encoding it could."""
    data, place = error.object, error.start
    line += data[:place].count(b"\n")
    told = f"{name} is not {encoding.upper()}: line {line} holds the byte 0x{data[place]:02x}"
    if encoding != "utf-8":
        return f"{told}. Say another encoding."
    begin = max(data.rfind(sign, 0, place) for sign in (b"\n", b",", b";", b"\t", b" ", b'"')) + 1
    end = min((found for sign in b'\n\r,;\t "' if (found := data.find(sign, place)) >= 0), default=len(data))
    piece = data[max(begin, place - 20) : min(end, place + 20)]
    high = {byte for byte in data if byte > 127}
    if high & _NOT_IN_1252:
        return f"{told} in {piece!r}. Save it as UTF-8, or say its encoding: encoding='...'."
    likely = "cp1252" if any(byte < 160 for byte in high) else "latin-1"
    called = {"cp1252": "Windows-1252", "latin-1": "Latin-1 (ISO 8859-1)"}[likely]
    return (
        f"{told}, which in {called} would read {shown(piece.decode(likely))}. If that is right, say "
        f"encoding='{likely}'; else say its own encoding, or save it as UTF-8."
    )
