"""Headers that pandas, R, Excel and others write: unnamed columns, marks, comments, titles."""

import pytest

from bpnet.data.reading.delimited import DelimitedFile
from bpnet.data.reading.settings import Reading
from bpnet.data.reading.streams import bytes_opener
from bpnet.data.reading.table import Table
from bpnet.errors import DataError


def table(text: str | bytes, **settings: object) -> Table:
    content = text if isinstance(text, bytes) else text.encode()
    return Table("t.csv", [DelimitedFile("t.csv", bytes_opener(content), Reading(**settings))])  # type: ignore[arg-type]


def contents(read: Table) -> dict[str, list[str]]:
    return {name: read.cells(name, wanted_for="is read") for name in read.columns}


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        (",a,y\n0,1.5,p\n1,2.5,q\n", {"column_1": ["0", "1"], "a": ["1.5", "2.5"]}),
        ('"a","y"\n"r1",1.5,"p"\n"r2",2.5,"q"\n', {"column_1": ["r1", "r2"], "a": ["1.5", "2.5"]}),
        ('"a" "y"\n"1" 1.5 "p q"\n"2" NA "q"\n', {"column_1": ["1", "2"], "a": ["1.5", ""]}),
        ("a,,y\n1,5,p\n2,6,q\n", {"a": ["1", "2"], "column_2": ["5", "6"]}),
    ],
    ids=["pandas index", "R row names", "R write.table", "in between"],
)
def test_a_column_without_a_name_gets_one_with_a_warning(size, text, columns):
    read = table(text)
    (warning,) = read.warnings
    assert "t.csv, line 1: a column has no name; it is called 'column_" in warning
    found = contents(read)
    assert list(found) == [*columns, "y"]
    # NA is R's missing value
    assert {name: [cell if cell != "NA" else "" for cell in found[name]] for name in columns} == (
        columns
    )


def test_a_name_by_position_is_not_one_that_is_taken():
    assert table(",column_1\n0,1\n1,2\n").columns == ["column_1_", "column_1"]


@pytest.mark.parametrize(
    "text",
    [
        "a,y,\n1,p,\n2,q,\n",
        "a,y,\n1,p\n2,q\n",
        "a,y\n1,p,\n2,q,\n",
        "a,y\n1,p,\n2,q\n",
        "a,y,,,\n1,p,,,\n2,q,,,\n",
        "sep=,\na,y\n1,p\n2,q\n",
        "sep=;\r\na;y\r\n1;p\r\n2;q\r\n",
        '"sep=\t"\na\ty\n1\tp\n2\tq\n',
        "\ufeffsep=;\na;y\n1;p\n2;q\n",
        " a   y\n 1   p\n 2   q  \n",
        "a y\n1 p\n2 q\n",
        "a\t  y\n1\t  p\n2\t  q\n",
        "\u00a0a\u00a0,\u200by\n1,p\n2,q\n",
    ],
    ids=[
        "commas at the ends of all lines",
        "comma after the names",
        "commas after the rows",
        "comma after one row",
        "several commas",
        "sep=,",
        "sep=;",
        "sep= in quotes",
        "sep= after the mark of UTF-8",
        "aligned columns",
        "single spaces",
        "tabs and spaces",
        "invisible spaces",
    ],
)
def test_the_same_table_as_others_write_it(size, text):
    read = table(text)
    assert contents(read) == {"a": ["1", "2"], "y": ["p", "q"]}
    assert read.warnings == []
    assert [list(row) for chunk in read.chunks({}) for row in chunk.rows()] == [
        ["1", "p"],
        ["2", "q"],
    ]


def test_a_cell_after_the_last_name_is_an_error_even_if_it_comes_late(size):
    rows = "".join(f"{k},p,\n" for k in range(60))
    with pytest.raises(DataError, match=r"line 62 \(row 61\): 3 cells, but the header has 2"):
        contents(table("a,y,\n" + rows + "9,p,x\n"))


def test_a_name_in_two_forms_of_unicode_is_one():
    assert table("cafe\u0301,y\n1,p\n").columns == ["caf\u00e9", "y"]
    with pytest.raises(DataError, match="two columns are named 'café', columns 1 and 2"):
        table("cafe\u0301,caf\u00e9\n1,2\n")


def test_lines_of_comments_are_left_out_with_a_warning(size):
    read = table("# made by x, 2020\n# see, y\na,y\n1,p\n2,q\n")
    assert contents(read) == {"a": ["1", "2"], "y": ["p", "q"]}
    assert read.warnings == ["t.csv: lines 1 to 2 begin with #, and are left out as comments"]
    assert read.where(1) == "t.csv, line 5 (row 2)"


def test_a_header_may_begin_like_a_comment():
    assert table("# a b\n1.5 2\n3 4\n5 6\n").columns == ["a", "b"]  # by numpy.savetxt
    read = table("##format 4\n#id\tpos\ny\t1\nx\t2\n")
    assert read.columns == ["#id", "pos"]
    assert read.warnings == ["t.csv: line 1 begins with #, and is left out as a comment"]
    assert table("#id,y\n1,p\n2,q\n").columns == ["#id", "y"]


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        ("Report of May\n\na,b,y\n1,2,p\n3,4,q\n", 2),
        ("Report of May,,\na,b,y\n1,2,p\n3,4,q\n", 1),
        ("Report\nof May\n;\na;b;y\n1;2;p\n3;4;q\n", 3),
    ],
)
def test_a_title_is_named_with_the_lines_to_skip(size, text, skipped):
    with pytest.raises(DataError) as caught:
        table(text)
    assert str(caught.value).endswith(f"add --set dataset.reading.skip_lines={skipped}")
    read = table(text, skip_lines=skipped)
    assert contents(read) == {"a": ["1", "3"], "b": ["2", "4"], "y": ["p", "q"]}
    assert read.where(1) == f"t.csv, line {skipped + 3} (row 2)"


HEADERLESS = [
    "4.5,2.7,a\n6.4,3.1,b\n6.5,2.5,a\n",
    "1,0,3,male\n0,2,1,female\n1,3,2,male\n",
    "e,x,s\np,x,s\ne,b,s\n",
    "9;7\n5;8\n8;4\n",
]
WITH_HEADER = [
    "country,2019,2020\nN,5,6\nS,7,8\nD,9,9\n",
    "0,1,2\n5,6,7\n7,8,9\n",
    "a,b\n1,p\n2,a\n",
    "yes,no\n1,p\n2,q\n",
    "a,b\n1,2\n",
]


@pytest.mark.parametrize("text", HEADERLESS)
def test_a_table_without_a_header_is_noticed(size, text):
    (warning,) = table(text).warnings
    for part in ("line 1: the column names look like a row", "dataset.reading.header=none"):
        assert part in warning
    assert table(text, header="first").warnings == []
    rows = [line.replace(";", ",").split(",") for line in text.split()]
    unnamed = table(text, header="none")
    assert unnamed.columns == [f"column_{k}" for k in range(1, len(rows[0]) + 1)]
    assert list(contents(unnamed).values()) == [list(cells) for cells in zip(*rows, strict=True)]
    assert unnamed.where(0) == "t.csv, line 1 (row 1)"
    assert unnamed.warnings == []


def test_equal_values_in_a_row_are_no_names_that_occur_twice():
    with pytest.raises(DataError, match=r"two columns are named '0'.*reading\.header=none"):
        table("0,5.1,0\n1,4.9,0\n1,4.7,0\n")


@pytest.mark.parametrize("text", WITH_HEADER)
def test_names_that_are_numbers_or_words_are_names(text):
    assert table(text).warnings == []


def test_what_is_not_there_is_answered_with_what_was_made_of_the_header():
    with pytest.raises(DataError, match=r"there is no column 'kind'.*header=none"):
        table(HEADERLESS[0]).cells("kind", wanted_for="is the target")


def test_a_column_of_text_with_spaces_is_one_column():
    assert table("full name\nJohn Smith\nJane Doe\nJim Roe\n").columns == ["full name"]


def test_a_single_column_with_decimal_commas_is_not_split_in_silence():
    with pytest.raises(DataError, match="2 cells, but the header has 1"):
        contents(table("x\n1,5\n2,5\n"))


def test_a_long_cell_is_read_in_a_small_table_as_in_a_large_one(size):
    assert contents(table(f"a,y\n1,{'x' * 200_000}\n2,q\n"))["y"] == ["x" * 200_000, "q"]


def test_names_that_are_repeated_among_the_rows_are_noticed():
    (warning,) = table("a,y\n1,p\n2,q\n" * 3).warnings
    assert warning.startswith("t.csv, line 4: repeats the column names")


def test_what_predict_writes_of_a_table_without_names_is_read_with_its_setting():
    read = table("column_1,column_2,predicted\n1,p,q\n", header="none")
    assert contents(read) == {"column_1": ["1"], "column_2": ["p"], "predicted": ["q"]}


def test_lines_that_the_settings_skip_are_named_where_a_column_is_not_there():
    with pytest.raises(
        DataError, match=r"no column 'a'.* add --set dataset\.reading\.skip_lines=0"
    ):
        table("a,y\n1,p\n2,q\n", skip_lines=1).cells("a", wanted_for="is read")


@pytest.mark.parametrize(
    ("content", "encoding", "warned"),
    [
        ("é,y\n1,p\n", "utf-8", True),
        ("é,y\n1,p\n", "cp1252", False),
        ("e,y\n1,p\n", "utf-8", False),
    ],
)
def test_utf_8_that_is_read_in_another_encoding_is_warned_of(content, encoding, warned):
    warnings = table(content.encode(encoding), encoding="cp1252").warnings
    assert ["--set dataset.reading.encoding=utf-8" in warning for warning in warnings] == (
        [True] if warned else []
    )
