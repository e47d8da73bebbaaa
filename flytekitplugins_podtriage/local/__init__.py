"""Local runs: ``pyflyte run`` in the sandbox or on a real cluster, and rehearsals."""
