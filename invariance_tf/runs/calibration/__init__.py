"""Calibrates the strength of a transformation (Appendix A).

`rule` lists the strengths to try and decides when to stop, `strengths` tries
them on a network, `procedure` trains that network and records the result,
`figure` draws it.
"""
