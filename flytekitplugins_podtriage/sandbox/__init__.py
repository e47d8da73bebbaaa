"""The embedded local cluster: simulated nodes and registries with faults by plan, virtual time, real task bodies.

Nothing here knows flytekit or a real cluster; ``tasks`` and ``config`` put it together with them.
"""
