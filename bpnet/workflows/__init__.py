"""What each verb of the command line does: plain functions that return results, a module a verb.

`session` has what every training shares. Nothing here prints: `bpnet.reports` turns results into
text.
"""
