"""How strong a transformation is, by the paper's rule (Appendix A).

`rule` says which strengths are tried and when to stop, `strengths` tries them
on a network, `record` keeps the result in the directory of runs, from where
settings take it, and `command` is the command line.
"""
