{{- define "podtriage-guard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "podtriage-guard.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "podtriage-guard.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "podtriage-guard.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "podtriage-guard.selector" -}}
app.kubernetes.io/name: {{ include "podtriage-guard.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "podtriage-guard.labels" -}}
{{ include "podtriage-guard.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "podtriage-guard.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "podtriage-guard.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- /* Cluster-wide names include the namespace, so that two releases with the same name do not share them. */ -}}
{{- define "podtriage-guard.role" -}}
{{- if .Values.namespaces -}}
{{- include "podtriage-guard.fullname" . -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace (include "podtriage-guard.fullname" .) -}}
{{- end -}}
{{- end -}}

{{- /* The settings file. What other templates have to agree with is set here. */ -}}
{{- define "podtriage-guard.config" -}}
{{- $own := dict "lease-namespace" .Release.Namespace "lease-name" (include "podtriage-guard.fullname" .) -}}
{{- $_ := set $own "switch" (include "podtriage-guard.switch" .) -}}
{{- $_ := set $own "port" (int .Values.port) -}}
{{- $_ := set $own "propeller-config" (include "podtriage-guard.propeller" (list . .Values.propeller.configMap)) -}}
{{- $_ := set $own "propeller-deployment" (include "podtriage-guard.propeller" (list . .Values.propeller.deployment)) -}}
{{- with .Values.namespaces -}}
{{- $_ := set $own "namespaces" . -}}
{{- end -}}
{{- toYaml (merge $own .Values.config) -}}
{{- end -}}

{{- define "podtriage-guard.switch" -}}
{{- printf "%s-switch" (include "podtriage-guard.fullname" . | trunc 56 | trimSuffix "-") -}}
{{- end -}}

{{- /* NAMESPACE/NAME of an object of FlytePropeller's; empty: it is not read. */ -}}
{{- define "podtriage-guard.propeller" -}}
{{- $root := index . 0 -}}
{{- with index . 1 -}}
{{- printf "%s/%s" ($root.Values.propeller.namespace | default $root.Release.Namespace) . -}}
{{- end -}}
{{- end -}}

{{- /* The rules that are only read with, and those of acts; both are plain files. */ -}}
{{- define "podtriage-guard.observe" -}}
{{ .Files.Get "files/rules/observe.yaml" }}
{{ .Files.Get (printf "files/rules/observe-%s.yaml" (include "podtriage-guard.backend" .)) }}
{{- end -}}

{{- define "podtriage-guard.act" -}}
{{ .Files.Get "files/rules/act.yaml" }}
{{ .Files.Get (printf "files/rules/act-%s.yaml" (include "podtriage-guard.backend" .)) }}
{{- end -}}

{{- define "podtriage-guard.backend" -}}
{{- index .Values.config "backend" | default "flyte-1.16" -}}
{{- end -}}

{{- define "podtriage-guard.mode" -}}
{{- index .Values.config "mode" | default "observe" -}}
{{- end -}}
