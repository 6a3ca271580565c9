"""From YAML to a typed config: the text, its schema and shorthand, `--set`, and grids.

`schema` lists every section and key; `loading` is the way in.
"""
