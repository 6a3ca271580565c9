"""The doctor: what goes wrong in a training, and the advice.

`diagnosis` measures a network layer by layer, `advice` has a rule for each trouble, and `doctor`
watches a training with both.
"""
