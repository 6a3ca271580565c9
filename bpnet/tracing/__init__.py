"""Every number of a training step with its equation, as one structure for all that shows it.

`explain` makes an `Explanation` of what `bpnet.engine.trace` has recorded: sections of numbers,
each with its place in the network, its equation as an `Expression`, and its value. A notation of
`bpnet.reports` writes an expression, with its symbols or its numbers, as text, LaTeX or words.
"""
