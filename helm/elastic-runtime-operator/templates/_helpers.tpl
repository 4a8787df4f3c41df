{{/* Names are fixed, not made from the release: the operator's code and customers' trust policies rely on them, and a cluster has one operator. */}}
{{- define "elastic.checked" -}}
{{- if ne .Release.Namespace "elastic-system" -}}
{{- fail (printf "install into the namespace elastic-system (helm --namespace elastic-system), not %s: trust policies and node agents name it" .Release.Namespace) -}}
{{- end -}}
{{- if and .Values.broker.tls.secretName (not .Values.broker.tls.caBundle) .Values.nodeAgent.enabled -}}
{{- fail "broker.tls.caBundle is needed with broker.tls.secretName: PEM of who signed the certificate, for the node agents" -}}
{{- end -}}
{{- if and .Values.join.endpoint (not .Values.join.serviceCidr) -}}
{{- fail "join.serviceCidr is needed with join.endpoint: the network of the cluster's Services, like 10.100.0.0/16" -}}
{{- end -}}
{{- end -}}

{{- define "elastic.labels" -}}
app.kubernetes.io/name: elastic-runtime-operator
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "elastic.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "elastic.brokerSecret" -}}
{{ .Values.broker.tls.secretName | default "elastic-broker-tls" }}
{{- end -}}
