"""List and watch: the pods and events of a cluster, kept up to date in memory."""
