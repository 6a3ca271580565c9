"""Numbers: how the text of a cell is read as a number, and which format a column has.

cells.py           sign, currency or percent sign, and digits with marks, of one cell
number_format.py   the marks and the unit of a column's numbers
detection.py       the format that a column's cells show
formats_so_far.py  the formats of a column's chunks before the present one
advice.py          parts of messages about numbers and their formats
"""
