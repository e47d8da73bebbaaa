"""Kubernetes, through the official client's configuration and authentication.

``pod_cluster`` implements :class:`~flytekitplugins_podtriage.core.pod_cluster.PodCluster` on a real cluster: requests
go through ``client``, and what is known of the pods comes from the list and watch in ``informer``. ``pod_reader``
reads a pod and its events once, for the command line.
"""
