"""What the Kubernetes API sees: pods and events of a live cluster, asked for once or watched.

``cluster`` asks for a pod, its events, or lists of them, for the command line. ``pods`` is the seam's
:class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster`: ``calls`` are the requests that it makes, ``watch`` keeps a
list and a watch going, and ``cache`` is what is known by them.

The official client reads the configuration, logs in and keeps the connections. What it answers with is not parsed by
it: bytes go to the core as they come, so that neither the version of its models nor their price matters.
"""
