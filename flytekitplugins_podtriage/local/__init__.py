"""Local runs: ``pyflyte run`` in the sandbox or in a real Kubernetes, and rehearsals."""
