"""Dates: how the text of a cell is read as a moment, and which format a column has.

names.py        names of months and weekdays
date_format.py  a format in strptime's notation, compiled, and ISO 8601
detection.py    the formats that fit a column's cells
advice.py       parts of messages about dates and their formats
"""
