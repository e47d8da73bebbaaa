"""The HTTP client for the Kubernetes API: connection, requests, errors."""
