"""Searches a grid of learning rates and weight decays (Appendix B).

`grid` lists the experiments, `choice` finds the best setting, `record` reads
the runs and writes the result, `figure` draws it.
"""
