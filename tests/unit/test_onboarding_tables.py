"""Tables as people export them: read whole, or refused with every line; nothing is guessed silently."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liftgate.errors import InputError
from liftgate.onboarding.tables import read_table


def table_of(rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


PLAIN = [["text", "label"], ["where is it", "order"], ["money back", "refund"], ["late again", "order"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_delimiters_and_encodings_are_recognised(delimiter: str, encoding: str) -> None:
    rows = [*PLAIN, ["größer, als; gedacht\tund | mehr", "order"]]
    pairs = read_table(table_of(rows, delimiter, encoding), "t.csv").pairs
    assert [(pair.question, pair.answer) for pair in pairs] == [(q, a) for q, a in rows[1:]]


def test_windows_1252_is_told_with_the_line_that_is_not_utf8() -> None:
    told = read_table("text,label\nja,a\nschön,b\n".encode("cp1252"), "t.csv").told
    assert told == (
        "Windows-1252 (line 3 is not UTF-8; look at its accents), comma between cells",
        "question: column 'text'; answer: column 'label'",
    )


def test_cells_may_hold_quotes_line_ends_and_formulas() -> None:
    hostile = ['=cmd|" /C calc"!A0', 'he said ""no""', "two\nlines; and, commas", "<|im_end|>", "@SUM(1+1)"]
    rows = [["text", "label"], *([cell, "a"] for cell in hostile)]
    assert [pair.question for pair in read_table(table_of(rows), "t.csv").pairs] == hostile


def test_records_are_named_by_the_line_they_begin_on() -> None:
    data = b'text,label\n"two\nlines",a\nb,b\n'
    assert [pair.line for pair in read_table(data, "t.csv").pairs] == [2, 4]


def test_columns_may_be_named_and_are_guessed_by_their_values_where_no_name_helps() -> None:
    rows = [["colA", "colB"], ["order", "where is it"], ["order", "still nothing"], ["refund", "money"]]
    guessed = read_table(table_of(rows), "t.csv")
    assert guessed.pairs[0].question == "where is it"
    assert guessed.told[1] == "question: column 2, answer: column 1, by how often values repeat"
    named = read_table(table_of(rows), "t.csv", question="colA", answer="colB")
    assert named.pairs[0].question == "order"


def test_a_first_line_that_holds_a_known_answer_is_no_header() -> None:
    rows = [["where is it", "order"], ["still nothing", "order"], ["money", "refund"]]
    table = read_table(table_of(rows), "t.csv")
    assert [pair.line for pair in table.pairs] == [1, 2, 3]
    assert table.told[1].endswith("the first line is no header: it holds an answer that others have too")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "t.csv: the file is empty\n  hint: a header and one record a line"),
        (b"\x1f\x8b\x08\x00rest", "t.csv: the file is compressed; unpack it first"),
        (b"PK\x03\x04\x00\x00\x00", "t.csv: this is no text file\n  hint: save the table as CSV, in UTF-8"),
        (
            b"a,b,c\n1,2,3\n",
            "t.csv:1: which of 3 columns are question and answer cannot be guessed from their names\n"
            "  hint: name them: --input COLUMN --label COLUMN",
        ),
        (
            b"text,label\na,b\nc\nd,e,f\n",
            "t.csv: 2 records cannot be read\n"
            "  t.csv:3: 1 cells where the first line has 2\n"
            "  t.csv:4: 3 cells where the first line has 2\n"
            "  hint: a cell that holds a comma, a quote or a line end stands in double quotes",
        ),
        (
            b'text,label\n"never closed,a\n' + b"x,y\n" * 40_000,
            "t.csv:2: a cell has more than 131,072 characters\n"
            "  hint: is a quote opened on this line and never closed?",
        ),
        (b"text,label\n\x81\xff,a\n", "t.csv:2: neither UTF-8 nor Windows-1252\n  hint: save the table in UTF-8"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_its_line(data: bytes, said: str) -> None:
    with pytest.raises(InputError) as refused:
        read_table(data, "t.csv")
    assert str(refused.value) == said


def test_a_misspelt_column_names_the_nearest() -> None:
    with pytest.raises(InputError, match="there is no column 'lable'; did you mean 'label'"):
        read_table(table_of(PLAIN), "t.csv", question="text", answer="lable")


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=20), st.sampled_from(",;\t|"))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    written = [[q, a] for q, a in rows if q.strip() and a.strip()]
    data = table_of([["text", "label"], *written, ["q", "a"]], delimiter)
    pairs = read_table(data, "t.csv").pairs

    def plain(cell: str) -> str:
        return cell.replace("\r\n", "\n").replace("\r", "\n").strip()

    assert [(p.question, p.answer) for p in pairs] == [
        (plain(q), plain(a)) for q, a in [*written, ["q", "a"]]
    ]


@given(st.binary(max_size=300))
def test_no_bytes_end_in_anything_but_a_table_or_a_sentence(data: bytes) -> None:
    try:
        read_table(data, "t.csv")
    except InputError as refused:
        assert str(refused).startswith("t.csv")
