"""What the Kubernetes API sees: pods and events of a live cluster today.

The official client reads the configuration, logs in and keeps the connections. What it answers with is not parsed by
it: bytes go to the core as they come, so that neither the version of its models nor their price matters.
"""
