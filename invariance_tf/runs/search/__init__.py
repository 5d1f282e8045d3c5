"""Learning rate and weight decay by a grid, as in the paper (Appendix B).

`grid` says which experiments there are, `choice` which setting is the best,
`record` reads their runs and writes what was found, `showing` shows it, and
`command` is the command line.
"""
