"""The verbs of the command line as plain functions that return results, one module per verb.

`session` is the base of every training. Nothing here prints: `bpnet.reports` turns results into
text.
"""
