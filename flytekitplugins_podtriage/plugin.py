"""The entry point in the group ``flytekit.plugins``: what ``import flytekit`` loads.

flytekit loads it inside its own import and guards it with nothing: an error here would break flytekit for everyone who
has this package installed, and the time spent here is spent at every start. So this module imports nothing. There is
nothing to register yet: the command line and the functions of the package are there without it.
"""

__all__: list[str] = []
