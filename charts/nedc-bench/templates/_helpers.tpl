{{- define "nedc-bench.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $both .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "nedc-bench.serviceAccountName" -}}
{{- $made := ternary (include "nedc-bench.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $made .Values.serviceAccount.name -}}
{{- end }}

{{- define "nedc-bench.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- .Values.image.repository }}{{ ternary (print "@" .Values.image.digest) (print ":" $tag) (ne .Values.image.digest "") -}}
{{- end }}

{{- define "nedc-bench.labels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: nedc-bench
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* A Deployment's selector can't change: these two stay as they are. */}}
{{- define "nedc-bench.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- /* The name of the Secret with the URL of Redis; empty without Redis. */}}
{{- define "nedc-bench.redisSecret" -}}
{{- $made := ternary (printf "%s-redis" (include "nedc-bench.fullname" .)) "" (ne .Values.redis.url "") -}}
{{- default $made .Values.redis.existingSecret -}}
{{- end }}

{{- /* The name of the Secret with the hashes of tokens; empty where no token is asked for. */}}
{{- define "nedc-bench.tokensSecret" -}}
{{- $made := ternary (printf "%s-tokens" (include "nedc-bench.fullname" .)) "" (gt (len .Values.apiTokens.hashes) 0) -}}
{{- default $made .Values.apiTokens.existingSecret -}}
{{- end }}

{{- /* "true" or "false": where the value is null, whether there is Redis. */}}
{{- define "nedc-bench.autoscaled" -}}
{{- $redis := ne (print .Values.redis.url .Values.redis.existingSecret) "" -}}
{{- ternary $redis .Values.autoscaling.enabled (kindIs "invalid" .Values.autoscaling.enabled) -}}
{{- end }}
