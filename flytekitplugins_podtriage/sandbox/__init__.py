"""The embedded cluster: simulated nodes, kubelets and registries, with planned faults, in virtual time.

It imports neither flytekit nor a Kubernetes client; ``local`` connects it with both.
"""
