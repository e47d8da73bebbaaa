{{- define "podtriage-connector.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "podtriage-connector.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "podtriage-connector.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "podtriage-connector.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "podtriage-connector.selector" -}}
app.kubernetes.io/name: {{ include "podtriage-connector.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "podtriage-connector.labels" -}}
{{ include "podtriage-connector.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "podtriage-connector.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "podtriage-connector.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* Cluster-wide names include the namespace, so that two releases with the same name do not share them. */ -}}
{{- define "podtriage-connector.role" -}}
{{- if .Values.namespaces -}}
{{- include "podtriage-connector.fullname" . -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace (include "podtriage-connector.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- define "podtriage-connector.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $podtriage := default (dict) $config.podtriage -}}
{{- if .Values.namespaces -}}
{{- $_ := set $podtriage "namespaces" .Values.namespaces -}}
{{- end -}}
{{- $_ := set $config "podtriage" $podtriage -}}
{{- toYaml $config -}}
{{- end -}}

{{- /* FlytePropeller's configuration. CreateTask waits for a replica instead of failing, and is sent again if a replica
goes away; the pod's name comes from its attempt, so it is created once. `timeouts` is a list because flytestdlib's viper
lower-cases the keys of a map and then does not find them (flytestdlib/config/viper, restoreCaseSensitiveArrayKeys). */ -}}
{{- define "podtriage-connector.propeller" -}}
plugins:
  connector-service:
    connectors:
      podtriage:
        endpoint: "dns:///{{ include "podtriage-connector.fullname" . }}.{{ .Release.Namespace }}:{{ .Values.port }}"
        insecure: true
        defaultTimeout: 10s
        timeouts:
          - CreateTask: 30s
        defaultServiceConfig: >-
          {"loadBalancingConfig": [{"round_robin": {}}],
          "methodConfig": [{"name": [{"service": "flyteidl.service.AsyncAgentService"}], "waitForReady": true,
          "retryPolicy": {"maxAttempts": 5, "initialBackoff": "0.5s", "maxBackoff": "5s", "backoffMultiplier": 2,
          "retryableStatusCodes": ["UNAVAILABLE"]}}]}
    connectorForTaskTypes:
      podtriage: podtriage
    webApi:
      readRateLimiter: {qps: 500, burst: 1000}
      caching: {resyncInterval: 5s, workers: 50, maxSystemFailures: 100000}
{{- end -}}
