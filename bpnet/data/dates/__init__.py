"""Dates: how the text of a cell is read as a moment, and which format a column has.

names.py        names of months and weekdays
moments.py      days since 1970 from the parts of a date, and ISO 8601
date_format.py  a format in strptime's notation, compiled
candidates.py   the formats in which one text may be a date
detection.py    the formats that fit a column's cells
advice.py       parts of messages about dates and their formats
"""
