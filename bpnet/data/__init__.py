"""Tables: reading them, the roles of their columns, splits, encoding as arrays, and writing.

`reading` turns files of any format into columns, a chunk of rows at a time; `encoding` turns
columns into a network's inputs, and `targets` what is predicted into its outputs and back.
"""
