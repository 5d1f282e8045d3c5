"""Many experiments from one file: which ones, on which machine, how far.

`plan` expands the file, `schedule` hands the runs to an engine (`local`,
`on_ray`), whose processes do what is in `worker`; `overview` and `progress`
show how far it is, and `command` is the command line.
"""
