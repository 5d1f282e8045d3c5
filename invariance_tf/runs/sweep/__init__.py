"""Runs many experiments.

`plan` reads them from a sweep file, `schedule` hands their runs to an engine
(`local` or `on_ray`), and `worker` is the code in the engine's processes.
"""
