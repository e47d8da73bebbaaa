"""The simulated kubelet: what it does with a pod, and what it writes about it."""
